from contracts.engines import DIVERGING, FAILING, EngineContract

from sweep.engines.scripted import ScriptedEngine


def script(configuration, epoch):
    if configuration.dense_units == FAILING["dense_units"]:
        return RuntimeError("the data are not there")
    return float("nan") if configuration.learning_rate == DIVERGING["learning_rate"] else 1 - 0.5**epoch


class TestScriptedEngine(EngineContract):
    @classmethod
    def open(cls):
        return ScriptedEngine(script, workers=2)
