from types import SimpleNamespace

import pytest
from contracts.stores import trained
from samples.studies import RATES, study_of

from sweep.api import _networks as networks
from sweep.errors import InputError
from sweep.models.model import Infeasible
from sweep.space.configuration import Configuration
from sweep.storage.store import Store


def test_auto_is_float32_and_a_study_keeps_the_precision_that_it_began_with(storage):
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
        networks.free_bytes(10**9, workers=1)
