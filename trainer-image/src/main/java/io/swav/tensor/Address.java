package io.swav.tensor;

import org.bytedeco.javacpp.Pointer;

/** Memory that is somebody else's. */
public final class Address extends Pointer {
    public Address(long address) {
        super((Pointer) null);
        this.address = address;
    }
}
