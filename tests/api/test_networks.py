from types import SimpleNamespace

import pytest
from samples.studies import RATES, study_of

from sweep.api import _networks as networks
from sweep.errors import InputError
from sweep.models.model import Infeasible
from sweep.space.configuration import Configuration
from sweep.storage.store import Store


@pytest.mark.parametrize(
    ("native", "harmless", "meant"),
    [(True, True, "bfloat16"), (True, False, "float32"), (False, True, "float32"), (False, False, "float32")],
)
def test_auto_is_bfloat16_where_that_is_native_and_was_shown_harmless(storage, monkeypatch, native, harmless, meant):
    monkeypatch.setattr(networks, "bfloat16_instructions", lambda: native)
    monkeypatch.setattr(networks, "BFLOAT16_IS_HARMLESS", harmless)
    with Store.open(storage) as store:
        assert networks.settled(study_of(RATES), store).precision == meant
        assert networks.settled(study_of(RATES, precision="float32"), store).precision == "float32"
        assert networks.settled(study_of(RATES, precision="bfloat16"), store).precision == "bfloat16"


def test_a_study_keeps_its_precision_on_another_machine(storage, monkeypatch):
    monkeypatch.setattr(networks, "BFLOAT16_IS_HARMLESS", True)
    monkeypatch.setattr(networks, "bfloat16_instructions", lambda: False)
    with Store.open(storage) as store:
        store.studies.begin(networks.settled(study_of(RATES), store), "digest")
        monkeypatch.setattr(networks, "bfloat16_instructions", lambda: True)
        assert networks.settled(study_of(RATES), store).precision == "float32"


def test_a_network_that_cannot_fit_in_a_workers_memory_is_refused_before_it_is_trained():
    dataset = SimpleNamespace(image_shape=(28, 28, 1), classes=10)
    baseline, huge = Configuration(), Configuration().replaced({"dense_units": 65536, "conv2_filters": 4096})
    assert networks.network_within(dataset, 10**9, baseline).parameters == 1_111_946
    with pytest.raises(Infeasible, match=r"would take about 69\.\d GB of memory, and a worker has 1\.00 GB for it"):
        networks.network_within(dataset, 10**9, huge)
    with pytest.raises(InputError, match=r"at least 1\.40 GB of memory"):
        networks.free_bytes(10**9, workers=1)
