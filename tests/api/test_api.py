from types import SimpleNamespace

import pytest
from samples.studies import RATES, study_of

from sweep import api
from sweep.errors import InputError
from sweep.models.shapes import Infeasible
from sweep.space.configuration import Configuration
from sweep.storage.store import Store


@pytest.mark.parametrize(
    ("native", "harmless", "meant"),
    [(True, True, "bfloat16"), (True, False, "float32"), (False, True, "float32"), (False, False, "float32")],
)
def test_auto_is_bfloat16_where_that_is_native_and_was_shown_harmless(storage, monkeypatch, native, harmless, meant):
    monkeypatch.setattr(api, "bfloat16_instructions", lambda: native)
    monkeypatch.setattr(api, "BFLOAT16_IS_HARMLESS", harmless)
    with Store.open(storage) as store:
        assert api.settled(study_of(RATES), store).precision == meant
        assert api.settled(study_of(RATES, precision="float32"), store).precision == "float32"
        assert api.settled(study_of(RATES, precision="bfloat16"), store).precision == "bfloat16"


def test_a_study_goes_on_as_it_was_begun_on_another_machine(storage, monkeypatch):
    monkeypatch.setattr(api, "BFLOAT16_IS_HARMLESS", True)
    monkeypatch.setattr(api, "bfloat16_instructions", lambda: False)
    with Store.open(storage) as store:
        store.begin_study(api.settled(study_of(RATES), store), "digest")
        monkeypatch.setattr(api, "bfloat16_instructions", lambda: True)
        assert api.settled(study_of(RATES), store).precision == "float32"


def test_a_network_that_cannot_fit_in_a_workers_memory_is_refused_before_it_is_trained():
    dataset = SimpleNamespace(image_shape=(28, 28, 1), classes=10)
    baseline, huge = Configuration(), Configuration().replaced({"dense_units": 65536, "conv2_filters": 4096})
    assert api._shape(dataset, 10**9, baseline).parameters == 1_111_946
    with pytest.raises(Infeasible, match=r"would take about 69\.\d GB of memory, and a worker has 1\.0 GB for it"):
        api._shape(dataset, 10**9, huge)
    with pytest.raises(InputError, match=r"at least 1\.4 GB of memory"):
        api._room(10**9, workers=1)
