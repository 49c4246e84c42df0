"""Training logs in the shapes of public codes; the numbers are made up.

The rows are of a training that collapses at epoch 8: (epoch, clean, FGSM, PGD accuracy).
"""

FALL = 8
ROWS = [
    (epoch, 0.40 + 0.02 * epoch, 0.30 + 0.01 * epoch, 0.28 + 0.01 * epoch)
    if epoch < FALL
    else (epoch, 0.55, 0.70 + 0.01 * (epoch - FALL), 0.02)
    for epoch in range(12)
]


def liet():
    return "".join(
        f"============ Epoch {epoch} ============\nTrain Acc: {fgsm + 0.05:.4f}\n"
        f"Train Time: 52.6884\nVal Acc: {clean:.4f}\nVAL FGSM Acc: {fgsm:.4f}\n"
        f"VAL PGD Acc: {pgd:.4f}\nVal Time: 4.6969\n"
        for epoch, clean, fgsm, pgd in ROWS
    )


def benchmark():
    head = "Method: n_fgsm\nSeed: 2\nScheduler: OneCycleLR\n"
    return head + "".join(
        f"============ Epoch {epoch} ============\nTraining time: 20.1s\nTraining loss: 1.5\n"
        f"Training accuracy: {fgsm + 0.05:.4f}\nCurrent GPU memory: 2.10 GB\n"
        f"Validation time: 4.1s\nModel - Validation accuracy: {clean:.4f}\n"
        f"Model - FGSM accuracy: {fgsm:.4f}\nModel - PGD accuracy: {pgd:.4f}\n"
        f"WA Model - Validation accuracy: 0.1\nWA Model - FGSM accuracy: 0.1\n"
        f"WA Model - PGD accuracy: 0.1\nBest model: model (PGD acc: {pgd:.4f}, Val acc: 0.5)\n"
        for epoch, clean, fgsm, pgd in ROWS
    )


def understanding():
    stamp = "[2026-01-02 10:11:12,345 train.py __main__ INFO] - "
    head = f"{stamp}Namespace(attack='fgsm', batch_size=128, epochs=30, eps=8.0, lr_max=0.3, "
    head += "n_eval_every_k_iter=256, seed=3)\n"
    return head + "".join(
        f"{stamp}{epoch}-{200 * epoch}: [train] loss 1.512, reg 0.000, acc {fgsm + 0.05:.2%} "
        f"acc_pgd {pgd:.2%}  [test] acc_clean {clean:.2%}, acc_fgsm {fgsm:.2%}, acc_pgd {pgd:.2%}, "
        f"cos_x_eta 0.912, cos_fgsm_pgd 0.871 (1.20m, 2.05m)\n"
        for epoch, clean, fgsm, pgd in ROWS
    )


def fast_adversarial(space=""):
    stamp = "[2026/01/02 10:11:12] - "
    head = f"{stamp}Namespace(alpha=10.0, batch_size=128, epochs=12, epsilon=8, lr_max=0.2, "
    head += f"seed=0, {space}weight_decay=0.0005)\n"
    head += f"{stamp}Epoch \t Seconds \t LR \t \t Train Loss \t Train Acc\n"
    rows = "".join(
        f"{stamp}{epoch} \t 12.3 \t \t {0.2 - 0.01 * epoch:.4f} \t 1.6012 \t {fgsm + 0.05:.4f}\n"
        for epoch, _, fgsm, _ in ROWS
    )
    tail = f"{stamp}Total train time: 2.5 minutes\n{stamp}Test Loss \t Test Acc \t PGD Loss \t PGD"
    return f"{head}{rows}{tail} Acc\n{stamp}0.6512 \t \t 0.8112 \t 1.1013 \t 0.4601\n"


def n_fgsm():
    return fast_adversarial(space="unif=2.0, ")


def aaer():
    stamp = "[2026/01/02 10:11:12] - "
    rows = "".join(
        f"{stamp}{epoch} \t 12.3 \t \t 0.1000 \t 1.6012 \t {fgsm + 0.05:.4f} \t 57 \t \t 0.0312 "
        "\t 0.0021\n"
        for epoch, _, fgsm, _ in ROWS
    )
    end = "0.6512 \t \t 0.8112 \t 1.0011 \t 0.5201 \t 1.1013 \t 0.4601"
    return f"{rows}{stamp}{end}\n"


PRINTED = {
    "liet": liet,
    "fastat_benchmark": benchmark,
    "understanding_fast": understanding,
    "fast_adversarial": fast_adversarial,
    "n_fgsm": n_fgsm,
    "aaer": aaer,
}
