from scheduler.pace import FIRST_PAUSE_S, LONGEST_PAUSE_S, SHORTEST_PAUSE_S, Pace


def test_workers_that_ran_dry_shorten_the_pause() -> None:
    pace = Pace()
    for _ in range(10):
        pace.note(published=2, ran_dry=True)
    assert pace.pause_s == SHORTEST_PAUSE_S


def test_places_that_stay_taken_lengthen_the_pause() -> None:
    pace = Pace()
    for _ in range(10):
        pace.note(published=0, ran_dry=False)
    assert pace.pause_s == LONGEST_PAUSE_S
    pace.note(published=1, ran_dry=False)
    assert pace.pause_s == FIRST_PAUSE_S


def test_places_that_become_free_in_time_keep_the_pause() -> None:
    pace = Pace(pause_s=0.002)
    pace.note(published=1, ran_dry=False)
    assert pace.pause_s == 0.002
