package io.swav.data;

import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDManager;
import io.swav.torch.CopyStream;
import java.util.List;

/** Makes the crops of a group from decoded images. */
public interface Augmenter {
    /** Begins a group. */
    Group begin();

    /** The crops of one group while they are made; rows are added by several threads. */
    interface Group extends AutoCloseable {
        /** Adds the image of one row. */
        void add(int row, ImageCodec.Bgr image, long epoch, long sample);

        /** Begins to copy to the device what {@link #crops} will need there. Call it after every row was added. */
        void prefetch(CopyStream copies);

        /**
         * Returns the crops in the layout of {@link CropBatches#group}. Call it after every row was added; a second
         * call returns the same crops again.
         */
        List<NDArray> crops(NDManager manager);

        /** The number of bytes that this group holds. */
        long bytes();

        /** Releases the group. Call it after every {@link #add} has ended. */
        @Override
        void close();
    }
}
