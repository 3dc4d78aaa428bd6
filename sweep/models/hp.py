"""What a builder of KerasTuner's is given as `hp`, here and in a script: a script has the text of this class."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any


class Hyperparameters:
    """What a builder is given as `hp`. It answers as KerasTuner's does.

    It gives the values of a trial, or else defaults, and None where a condition does not hold.
    """

    def __init__(self, values: Mapping[str, Any]) -> None:
        self.values: dict[str, Any] = dict(values)
        self._scopes: list[str] = []
        self._conditions: list[bool] = []

    def Int(  # noqa: N802
        self,
        name: str,
        min_value: int,
        max_value: int,
        step: Any = None,
        sampling: str = "linear",
        default: Any = None,
        **parent: Any,
    ) -> Any:
        return self._value(name, min_value if default is None else default, **parent)

    def Float(  # noqa: N802
        self,
        name: str,
        min_value: float,
        max_value: float,
        step: Any = None,
        sampling: str = "linear",
        default: Any = None,
        **parent: Any,
    ) -> Any:
        return self._value(name, float(min_value if default is None else default), **parent)

    def Choice(self, name: str, values: Any, ordered: Any = None, default: Any = None, **parent: Any) -> Any:  # noqa: N802
        return self._value(name, values[0] if default is None else default, **parent)

    def Boolean(self, name: str, default: bool = False, **parent: Any) -> Any:  # noqa: N802
        return self._value(name, default, **parent)

    def Fixed(self, name: str, value: Any, **parent: Any) -> Any:  # noqa: N802
        return self._value(name, value, **parent)

    def get(self, name: str) -> Any:
        return self.values[self._full(name)]

    def __getitem__(self, name: str) -> Any:
        return self.get(name)

    def __contains__(self, name: str) -> bool:
        return self._full(name) in self.values

    @contextmanager
    def conditional_scope(self, parent_name: str, parent_values: Any) -> Iterator[None]:
        among = parent_values if isinstance(parent_values, (list, tuple)) else [parent_values]
        self._conditions.append(self.values.get(self._full(parent_name)) in among)
        try:
            yield
        finally:
            self._conditions.pop()

    @contextmanager
    def name_scope(self, name: str) -> Iterator[None]:
        self._scopes.append(name)
        try:
            yield
        finally:
            self._scopes.pop()

    def _full(self, name: str) -> str:
        return "/".join([*self._scopes, str(name)])

    def _value(self, name: str, default: Any, parent_name: str = "", parent_values: Any = ()) -> Any:
        if parent_name:
            with self.conditional_scope(parent_name, parent_values):
                return self._value(name, default)
        return self.values.setdefault(self._full(name), default) if all(self._conditions) else None
