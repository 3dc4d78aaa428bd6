"""The whole path from Python: search a study, confirm its best, write a report, export the network."""

from pathlib import Path

import sweep

STUDY = Path(__file__).with_name("my_study.toml")


def main() -> None:
    result = sweep.run(STUDY)
    print(result)
    print(result.table)

    result = sweep.confirm("my-study", top=1, seeds=2)  # take more seeds for a conclusion: three prove little
    assert result.verdict is not None
    print(f"recommended: trial {result.recommended} ({result.verdict.conclusion})")

    print(f"wrote {sweep.report('my-study', 'my-study.html')}")
    metrics = sweep.export("my-study", "my-network")
    print(f"wrote my-network: {metrics['model']['accuracy']:.2%} of the test images right")


if __name__ == "__main__":
    main()
