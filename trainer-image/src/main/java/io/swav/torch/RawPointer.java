package io.swav.torch;

import org.bytedeco.javacpp.Pointer;

/** Memory that is somebody else's. */
public final class RawPointer extends Pointer {
    public RawPointer(long address) {
        super((Pointer) null);
        this.address = address;
    }
}
