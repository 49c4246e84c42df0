"""What one line of an event log means: the record, its kinds, and the reader's notices about a
damaged log.

A line, always ASCII, always valid JSON for `jq`, in this field order:

    {"v":1,"a":3,"q":1841,"t":1790000000.120,"k":"probe.robust","b":"main","s":12000,"d":{…},"c":"1a2b3c4d"}

    v  format version (1)          k  kind
    a  attempt, from 1             b  branch ("main", a new one for each roll-back)
    q  sequence number, from 1,    s  step: optimiser steps done before the thing was measured (a
       probe at 0 is
       gap-free per stream and        before training; a `steps` block with s=0, n=20 covers steps
                                      0..19)
       attempt, across segments    d  data, by kind
    t  wall clock, seconds         c  CRC-32 (zlib) of all bytes before `,"c":`

Non-finite numbers are the strings "NaN", "Infinity", "-Infinity": see `num`. Accuracies and
fractions are in [0, 1], pixel quantities (eps, alpha, delta) in units of [0, 1], times in seconds,
sizes in bytes.

Kinds of the trainer's stream and their data (`*` critical: on disk before `emit` returns):

    open *          s=0: run, stream, seg, pid, host, boot, pstart (start time of the process),
                    version
    phase           name: starting | data | model | training | paused | finishing; note?
    run.start *     config {…}, steps_total, steps_per_epoch, device, device_name, torch, params,
                    layers [{name, channels}], data {name, classes, shape [C,H,W], train, heldout}
    steps           s = first step: n, cols {loss_clean, loss_adv, acc_adv, abnormal, pertalign,
                    delta, lr, eps,
                    alpha: n values each}, img_s, sec (the block took), epoch (epochs done at its
                    end)
    probe.robust    n, why: interval | suspicion | start | end | asked | branch; epoch, eps, clean,
                    fgsm, pgd,
                    pgd_steps, pgd_alpha, final {eps, fgsm, pgd} or null (eps is already the final
                    one), sec
    probe.channels  n, layers [{name, dominance, si, di, rand, car: C values each, gini, top10, pr,
                    rho, agree}], sec
    probe.self      n, full, why as above, eps, attack ("fgsm", "pgd-3", "pgd-3 corners"), reference
                    {step, branch}
                    or null, values {name: number}, index, components {carrier, conflict, abnormal,
                    swap}, dose {k: [..], acc: [..]} or null, mix {share: [..], acc: [..]} or null,
                    sec
    probe.strong    n, eps, steps, restarts, pgd (what is left), weak (PGD of the ordinary probe,
                    same images), sec
    probe.causal    n, n_rank, eps, pgd_steps, attack, base {clean, fgsm, pgd, carrier, swap},
                    rows [{stage, group: self | data | random | norm, share, channels, clean, fgsm,
                    pgd, carrier, swap}], single [{layer, channel, dominance, clean, fgsm, pgd,
                    carrier}], sec
    probe.images    shape [C,H,W], eps, attack, classes [names], rows [{y, x, delta: H strings each,
                    base64 of a row
                    [W,C] (x uint8, 255 = 1.0; delta int8, 127 = eps), clean, own, carrier: [class,
                    probability]}]
    alert *         level: suspect (watch in older logs) | onset | recovered | masked; text, onset_step, onset_low,
                    confidence, n,
                    evidence {name: number}, healthy {step, pgd} or null, advice, disease (of an
                    onset)
    diagnosis *     disease: self-fitting | gradient masking | undecided; text, index, components,
                    evidence,
                    onset_step, index_step or null, lead (onset_step - index_step) or null
    host            every 2 s, the heartbeat: cpu, rss, gpu, gpu_mem, gpu_total, gpu_temp, disk_free,
                    log_ok (the log holds nothing back now), log_faults (episodes of trouble with
                    the disk), log_dropped (metrics left out), both of this attempt so far
    end *           how: finished | stopped | refused | crashed | superseded; reason,
                    summary {clean, fgsm, pgd, n, best_pgd, onset_step}

Written by the writer itself, in every stream, s=0:

    log.gap *       dropped, kinds {kind: count}, why: what a full queue or a full disk made it
                    leave out
    log.fault *     error, action
    seal *          reason: the last line of a segment ("rotated", or why the stream was closed)

Kinds of the supervisor's stream, s=0:

    open *, seal *  as above
    sup.spawn *     pid, pstart, argv
    sup.exit *      how: finished | stopped | refused | crashed | killed | oom | superseded; code,
                    signal,
                    stderr [last lines], seconds, text, again (the supervisor starts another
                    attempt)

Interventions, in the trainer's stream (`selffit.control.lines` writes them,
`selffit.control.Ledger` reads them):

    ctl.received *  id, op, args, by, expect, ttl, t
    ctl.rejected *  id, op, by, rule, reason
    ctl.applied *   id, op, args, by, branch, old {setting: value}, new {setting: value}, version:
                    the commit,
                    on disk before the effect
    ctl.failed *    id, op, reason, new {setting: value} (what holds again), version
    branch *        s = base_step: name, parent, base_step, ckpt
    resumed *       s = step: ckpt or null, step, branch, lost_steps, skipped [{id, reason}]
    ckpt.saved *    id, step, branch, pgd, healthy, bytes, sec
    ckpt.pruned     id
    ckpt.damaged *  id, reason
    ckpt.failed *   id, reason

Unknown kinds and fields are kept and ignored.
"""

import math
from typing import Annotated, Any

import msgspec

FORMAT_VERSION = 1

# Bounds that keep a hostile line from overflowing an int64 column or a calendar date downstream.
Count = Annotated[int, msgspec.Meta(ge=0, le=2**53)]
Clock = Annotated[float, msgspec.Meta(ge=0, le=1e11)]

_NAMED = {"NaN": math.nan, "Infinity": math.inf, "-Infinity": -math.inf}


class Record(msgspec.Struct, frozen=True):
    """One event, decoded, with every string cleaned. `stream` is the folder it was read from; it is
    not in the line.
    """

    v: int
    a: Count
    q: Count
    t: Clock
    k: str
    b: str
    s: Count
    d: dict[str, Any]
    stream: str = "trainer"


class Notice(msgspec.Struct, frozen=True):
    """Something the reader found wrong with a log file.

    kind: "torn" (a file ends in half a line and is not written any more), "damaged" (a complete
    line, or a file, that is not what a writer made), "gap" (sequence numbers jump), "restarted"
    (the file shrank or was replaced and is read again from its start: whoever keeps state starts
    over with a new reader), "version" (written by a newer selffit: the rest of the file is left
    out). `file` is the name inside the stream's folder, `offset` in bytes.
    """

    kind: str
    stream: str
    file: str
    offset: int
    text: str


def num(value: object) -> float:
    """A JSON value as a float: numbers, the three named non-finite ones; NaN for anything else,
    never an error.
    """
    if isinstance(value, bool):
        return math.nan
    if isinstance(value, int | float):
        try:
            return float(value)
        except OverflowError:  # an integer beyond 1.8e308
            return math.nan
    return _NAMED.get(value, math.nan) if isinstance(value, str) else math.nan
