from workbench.ui.tabs.ticking import SKIP, changed_only


def test_the_first_look_sends_everything() -> None:
    sent = changed_only([], ["a", "b"])
    assert sent[:2] == ["a", "b"]
    assert len(sent[2]) == 2


def test_a_look_without_news_sends_nothing() -> None:
    seen = changed_only([], ["a", "b"])[-1]
    assert changed_only(seen, ["a", "b"]) == [SKIP, SKIP, SKIP]


def test_only_what_changed_is_sent() -> None:
    seen = changed_only([], ["a", "b"])[-1]
    sent = changed_only(seen, ["a", "c"])
    assert sent[:2] == [SKIP, "c"]
    assert changed_only(sent[-1], ["a", "c"])[0] is SKIP
