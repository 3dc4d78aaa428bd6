"""The tutorial's CNN keeps what every model promises."""

from contracts.models import ScriptContract

from sweep.space.configuration import Configuration


class TestTutorial(ScriptContract):
    @classmethod
    def configurations(cls):
        changes = ({}, {"rescale": True, "batch_norm": True, "pool1_size": 0}, {"extra_blocks": 1, "padding": "same"})
        return [Configuration().replaced(each) for each in changes]

    @classmethod
    def infeasible(cls):
        return Configuration(conv1_kernel_size=40)
