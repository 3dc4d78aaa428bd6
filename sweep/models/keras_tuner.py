"""In place of KerasTuner, where it is not installed: what it names can be annotations, bases and unused objects."""

NAME = "keras_tuner"


class _Absent:
    def __init__(self, *_: object, **__: object) -> None:
        pass

    def __getattr__(self, name: str) -> object:
        if name.startswith("__"):
            raise AttributeError(name)
        raise ImportError(f"{name} needs KerasTuner: install keras-tuner, or call it only if the file is the program")


def __getattr__(name: str) -> type:
    if name.startswith("__"):
        raise AttributeError(name)
    return type(name, (_Absent,), {})
