"""When a training looks for an early warning: along the step at one budget, ahead at every one."""


def looked(trained, kind):
    return [step for step, _ in trained.of(kind)]


def test_alignment_waits_for_the_budget_and_the_look_ahead_does_not(start, equal):
    trained = start(method="fgsm", align_every=1, eps_ramp=0.5).go()  # 10 steps
    assert looked(trained, "probe.align") == [5, 6, 7, 8, 9, 10]
    assert looked(trained, "probe.ahead") == [2, 4, 6, 8, 10]
    silent = start(method="fgsm", align_every=0, eps_ramp=0.5).go()
    assert not looked(silent, "probe.align") and not looked(silent, "probe.ahead")
    assert equal(trained, silent)


def test_a_training_with_an_attack_of_several_steps_does_not_look_ahead(start):
    trained = start(method="pgd", attack_steps=3, align_every=2, eps_ramp=0.0).go()
    assert looked(trained, "probe.align") == [2, 4, 6, 8, 10]
    assert looked(trained, "probe.ahead") == []
