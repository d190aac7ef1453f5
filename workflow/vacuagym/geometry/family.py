"""What the project knows of a family of geometries."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from importlib import import_module
from pathlib import Path
from types import ModuleType

from vacuagym.schema import FEATURE, GEOMETRY_KEYS, KEY, Column, read_columns
from vacuagym.tables.arrays import from_lists

# Features that say what the labelled threefold is: of every family, and of toric hypersurfaces besides.
THREEFOLD = read_columns(Path(__file__).with_name("threefold.csv"))
TORIC_THREEFOLD = read_columns(Path(__file__).with_name("toric_threefold.csv")) + THREEFOLD


@dataclass(frozen=True, kw_only=True)
class Family:
    """A family of geometries: what it is called, which columns it has, and the module that computes them.

    The record is cheap to import; the module, with its compiled code, is imported when `functions` is first asked for.
    """

    name: str  # of the dataset
    title: str  # two or three words, for figures
    text: str  # what its geometries are; no full stop
    count: int | None = None  # geometries in the complete list; None if the project has none
    source: str = ""  # which published list its `source` may name
    list_names: tuple[str, ...] = ()  # the files of that list: one, or several in a folder
    # Defines features(geometries); generate() if there is a count, and read(source) if there is a published list; and
    # parse(entry) and defects(geometries) if users may have geometries of their own.
    module: str
    entries: Callable[[Iterable[str]], Iterator[tuple[int, str]]] | None = (
        None  # of the lines of a user's list, with their lines
    )
    geometry_columns: tuple[Column, ...]  # what `generate` and `read` give
    features: tuple[
        Column, ...
    ]  # what `features` gives; geometry_key, duplicate_group, h11, h21, euler_characteristic, n_moduli too
    examples: Mapping[str, list]  # a few geometries: the columns `geometry_columns` as lists
    published_column: Column | None = None  # read by published_numbers(source) of the module
    thresholds: Mapping[str, int] = field(default_factory=dict)  # split -> smallest value that is held out
    width: int | None = None  # entries of the inner lists of `geometry_columns`, where files have lists of lists
    cycle: str | None = None  # column that is a cyclic list: rotations and reflections change nothing
    bibliography: str = ""  # BibTeX of its sources

    @property
    def functions(self) -> ModuleType:
        """The module that generates the family and computes its features."""
        return import_module(self.module)

    @property
    def example(self) -> dict:
        """A few geometries, as `features` of the module takes them."""
        return from_lists(self.geometry_columns, self.examples)

    @property
    def is_toric(self) -> bool:
        """Whether its threefolds are hypersurfaces in toric varieties, so that equal polytopes are one duplicate group."""
        return TORIC_THREEFOLD[0] in self.features

    @property
    def feature_columns(self) -> tuple[Column, ...]:
        """Data dictionary of the feature table."""
        return GEOMETRY_KEYS + tuple(
            column._replace(role=KEY if column.name in ("geometry_key", "duplicate_group") else FEATURE)
            for column in self.features
        )
