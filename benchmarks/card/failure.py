"""What a capture that breaks off leaves behind."""

import torch

from benchmarks.card.report import Report
from benchmarks.loops import Bench
from selffit.train.capture import CudaCapture


def failure(bench: Bench, report: Report) -> None:
    """A read from the host breaks a capture off; then everything is tried that must go on."""
    if not bench.cuda:
        report.say("captures that break off", "need a GPU")
        return
    device = bench.device
    stream, x = torch.cuda.current_stream(device), torch.ones(8, device=device)
    graph = CudaCapture(torch.Generator(device))
    broken = ""
    try:
        graph.capture(lambda: print(float((x * torch.rand(8, device=device)).sum())))
    except RuntimeError as error:
        broken = str(error).splitlines()[0][:60]
    report.say("a read while capturing raises", broken[:30], bool(broken))
    held = torch.cuda.current_stream(device) == stream
    report.say("the stream is the one from before", str(held), held)
    drawn = torch.rand(8, device=device)
    torch.cuda.synchronize(device)
    report.say("torch's own generator draws", "", bool((drawn >= 0).all()))
    del graph
    again, out = CudaCapture(torch.Generator(device)), torch.zeros(8, device=device)

    def work() -> None:
        out.copy_(x * 2)

    again.warm_up(work)
    again.capture(work)
    out.zero_()
    again.replay()
    report.say("the next capture works", "", bool((out == 2).all()))
    torch.cuda.empty_cache()  # memory that the broken capture still claims would stay
    torch.cuda.synchronize(device)
    report.say("memory is given back", f"{torch.cuda.memory_reserved(device) >> 20} MiB reserved")
