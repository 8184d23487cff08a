package io.swav.torch;

import org.bytedeco.javacpp.Pointer;

/** A pointer to memory that something else owns: JavaCPP neither frees it nor keeps it alive. */
public final class RawPointer extends Pointer {
    public RawPointer(long address) {
        super((Pointer) null);
        this.address = address;
    }
}
