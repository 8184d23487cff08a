package io.swav.data;

import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDManager;
import io.swav.torch.CopyStream;
import java.util.List;

/** Makes the crops of groups out of decoded pictures. */
interface Augmenter {
    Group begin();

    /** The crops of one group in the making; rows come from several threads. */
    interface Group extends AutoCloseable {
        /** The picture of one row. */
        void add(int row, ImageCodec.Bgr picture, long epoch, long sample);

        /** Once every row is there: begins to bring to the device what {@link #crops} will need there. */
        void prefetch(CopyStream copies);

        /** As {@link CropBatches#group} says, once every row is there; again when asked again. */
        List<NDArray> crops(NDManager manager);

        /** Bytes it holds. */
        long bytes();

        /** No longer wanted; every add has ended. */
        @Override
        void close();
    }
}
