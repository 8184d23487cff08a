package io.swav.checkpoint.pytorch;

import java.io.IOException;

/** Reports that a file is not one that {@code torch.save} wrote, or holds what is not read, and what to do about it. */
@SuppressWarnings("serial")
public final class PyTorchFileException extends IOException {
    PyTorchFileException(String message) {
        super(message);
    }
}
