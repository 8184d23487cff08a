package io.swav.checkpoint;

import io.swav.s3.S3Flags;
import picocli.CommandLine.Mixin;

/** Options of every command that opens a store. */
public final class StoreOptions {
    @Mixin
    private S3Flags s3 = new S3Flags();

    /**
     * Opens the store with these options.
     *
     * @throws IllegalArgumentException if the URI does not name a store; the message is for the user
     */
    public Store open(String uri) {
        return StoreFactory.open(uri, s3.service());
    }
}
