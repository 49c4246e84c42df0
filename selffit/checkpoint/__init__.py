"""Checkpoints: atomic folders with a hash manifest, safetensors and JSON only.

    RUN/ckpt/<branch>-<step>/   model.safetensors  optim.safetensors  state.json  manifest.json

Saving:    files, structure = state_to_files(model.state_dict(), optimizer)
           files[STATE] = CheckpointState(…, optimizer=structure).encode()
           store.write("main-400", files)
Loading:   manifest, files = store.read("main-400")
           state = CheckpointState.decode(files[STATE], manifest.id)
           restore(files, state.optimizer, model.state_dict(), optimizer)

Only `tensors` and `optimizers` import torch: a viewer may list and verify checkpoints without it.
"""
