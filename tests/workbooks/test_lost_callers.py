"""The caller that Mistral's own heartbeat checker loses, and what its next tries get."""


import pytest


@pytest.fixture(params=["default", "legacy"])
def processes(mistral, request):
    from tests.workbooks import lost_callers  # Mistral must have been loaded

    with lost_callers.at_work(mistral, request.param) as found:
        yield found


def whose(found):
    return [(user, token) for _, user, token, _ in found]


ANN, BOB, NOBODY = ("ann", "token-of-ann"), ("bob", "token-of-bob"), (None, None)


def test_each_next_try_has_its_own_caller_and_no_task_the_token_of_another_one(processes):
    for user, project in (("ann", "blue"), ("bob", "red")):
        processes.as_(user, project)
        processes.engine.start_workflow("lost.whole")
    first = processes.begun()
    assert whose(first) == [ANN, BOB]

    assert processes.lose(first) == []
    second = processes.next_tries()
    assert sorted(whose(second)) == [ANN, BOB]
    settings = {user: given["of"] for _, user, _, given in second}
    assert settings == {"ann": "blue", "bob": "red"}

    after = processes.lose(second)  # no try is left
    assert whose(after) == [NOBODY, NOBODY]

    assert processes.answer(after, processes.no_token) == []
    assert sorted(whose(processes.next_tries())) == [ANN, BOB]
