from types import SimpleNamespace

import pytest
from contracts.stores import trained
from samples.studies import RATES, study_of

from sweep.api import _networks as networks
from sweep.engines import Site
from sweep.errors import InputError
from sweep.models.function import Function
from sweep.models.model import Infeasible
from sweep.space.configuration import Configuration
from sweep.storage.store import Store


@pytest.fixture
def on_processor(monkeypatch):
    """Has this machine have no GPU, and a processor that has bfloat16 instructions or not."""

    def settle(has_bfloat16):
        monkeypatch.setattr(networks, "oldest_gpu", lambda: None)
        monkeypatch.setattr(networks, "bfloat16_instructions", lambda: has_bfloat16)

    return settle


def test_auto_is_bfloat16_where_it_was_shown_to_be_harmless_and_fast(on_processor, monkeypatch, tmp_path):
    (tmp_path / "network.py").write_text("def build(image_shape, classes):\n    return None\n")
    own = Function.read(tmp_path / "network.py", "build")
    for has_bfloat16, tutorial in ((True, "bfloat16"), (False, "float32")):
        on_processor(has_bfloat16)
        assert networks.automatic_precision(Configuration().model) == tutorial
        assert networks.automatic_precision(own) == "float32"
    on_processor(True)
    monkeypatch.setattr(networks, "oldest_gpu", lambda: 9.0)
    assert networks.automatic_precision(Configuration().model) == "float32"


def test_a_study_keeps_the_precision_that_it_began_with(storage, on_processor):
    on_processor(False)
    with Store.open(storage) as store:
        assert networks.settled(study_of(RATES), store).precision == "float32"
        for precision in ("float32", "bfloat16"):
            assert networks.settled(study_of(RATES, precision=precision), store).precision == precision
        trained(store, study_of(RATES, precision="bfloat16"))
        assert networks.settled(study_of(RATES), store).precision == "bfloat16"


def test_a_network_that_cannot_fit_in_a_workers_memory_is_refused_before_it_is_trained():
    dataset = SimpleNamespace(image_shape=(28, 28, 1), classes=10)
    baseline, huge = Configuration(), Configuration().replaced({"dense_units": 65536, "conv2_filters": 4096})
    assert networks.network_within(dataset, 10**9, baseline).parameters == 1_111_946
    with pytest.raises(Infeasible, match=r"would take about 69\.\d GB of memory, and a worker has 1\.00 GB for it"):
        networks.network_within(dataset, 10**9, huge)
    with pytest.raises(InputError, match=r"at least 1\.40 GB of memory"):
        networks.free_bytes(10**9, 1, Site(1, 10**10, "this machine"))
