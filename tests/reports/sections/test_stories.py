import re
import tomllib

from samples.results import halted, result_of, rows_of, sample, study

from reports.pages import html
from reports.sections import stories
from reports.typography import NO_BREAK
from sweep.study import recipe


def plain(text):
    return text.replace(NO_BREAK, " ")


def test_the_title_of_a_trial_without_a_score_has_its_number_alone():
    rows = rows_of(0.98)
    rows.append({"trial": 1, "outcome": "failed", "reason": "it broke", "trained_epochs": 0})
    told = [stories.story(result_of(rows), trial) for trial in (0, 1)]
    assert [plain(each.title) for each in told] == ["Trial 0, the best, the baseline: 98.00 %", "Trial 1"]


def test_details_show_changes_course_and_configuration():
    rows = rows_of(0.98, 0.95, batch_size=128)
    rows[1] |= {
        "reason": "behind the others",
        "outcome": "pruned",
        "reused_epochs": 2,
        "trained_epochs": 3,
        "epochs": 5,
    }
    rows[0] |= {"epochs": 5}
    curves = [(trial, epoch, 0.1, 0.9, 0.1, 0.9 + epoch / 60, 8.0) for trial in (0, 1) for epoch in (1, 2, 3)]
    told = {story.trial: story for story in stories.stories(result_of(rows, curves))}
    assert list(told) == [0, 1]
    assert plain(told[1].title) == "Trial 1: 95.00 % after 3 of 5 epochs"
    assert plain(told[0].title) == "Trial 0, the best, the baseline: 98.00 %"
    assert told[1].outcome == "pruned: behind the others"
    assert [list(row.cells) for row in told[1].changes.rows] == [["learning rate", "0.0001", "0.0002"]]
    assert told[0].changes is None
    facts = {name: plain(value) for name, value in told[1].facts.pairs}
    assert facts["vs baseline"] == "0.00 points after 3 epochs"
    assert facts["epochs"] == "3 of 5"
    assert facts["reuse"] == "2 epochs taken from the database"
    assert facts["accuracy by epoch"] == "91.67 → 93.33 → 95.00 %"
    assert tomllib.loads(told[1].toml)["learning_rate"] == 0.0002


def test_details_of_a_paused_trial_show_its_rung():
    result = halted(20)
    told = {story.trial: story for story in stories.stories(result)}
    trial = int(result.frame.loc[result.frame["trained_epochs"] == 0.25, "trial"].iloc[0])
    assert told[trial].outcome.startswith("paused: other trials were better at the same epoch")
    facts = {name: plain(value) for name, value in told[trial].facts.pairs}
    assert facts["epochs"] == "0.25 of 5"
    assert re.fullmatch(r"\d\d\.\d\d \(epoch 0.25\) %", facts["accuracy by epoch"])


def test_the_copied_configuration_is_what_sweep_train_and_the_base_of_a_study_take(tmp_path):
    result, file = sample(20, seed=4), tmp_path / "copied.toml"
    for story in stories.stories(result):
        file.write_text(story.toml, encoding="utf-8")
        assert recipe.read(file).configuration == result.configuration(story.trial)
        assert study(base=str(file)).base == result.configuration(story.trial)


def test_trials_without_a_score_have_details_too():
    rows = [
        *rows_of(0.98),
        {"trial": 1, "outcome": "out of memory", "reason": "worker 1 was killed", "learning_rate": 0.1},
    ]
    told = stories.stories(result_of(rows))[-1]
    assert (told.trial, told.outcome, told.chart) == (1, "out of memory: worker 1 was killed", None)


def test_details_end_with_the_last_lines_of_the_log():
    detail = "\n".join(f"line {number} <b>" for number in range(100))
    result = result_of([{"trial": 0, "outcome": "failed", "baseline": True, "detail": detail}])
    log = re.search(r'<pre class="log".*?</pre>', html.render(result), re.DOTALL).group(0)
    assert "line 99 &lt;b&gt;" in log
    assert re.findall(r"line (\d+)", log) == [str(number) for number in range(80, 100)]
