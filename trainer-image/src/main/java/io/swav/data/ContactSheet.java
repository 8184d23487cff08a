package io.swav.data;

import io.swav.api.SwavJobSpec;
import java.io.IOException;
import java.util.Arrays;
import java.util.List;

/** A picture and its crops in each row, side by side, for people who want to look. */
final class ContactSheet {
    private static final int GAP = 2;

    private final List<SwavJobSpec.CropSpec> crops;
    private final MultiCrop multiCrop;
    private final int rows;
    private final int cell;

    /** @param cell side of the square that a picture or crop is fitted into */
    ContactSheet(List<SwavJobSpec.CropSpec> crops, SwavJobSpec.Augmentation augmentation, int rows, int cell) {
        this.crops = crops;
        this.multiCrop = new MultiCrop(crops, augmentation);
        this.rows = rows;
        this.cell = cell;
    }

    /** The first samples of epoch 0. */
    FloatImage of(DataSet data, long seed) throws IOException {
        int columns = 1 + crops.stream().mapToInt(SwavJobSpec.CropSpec::count).sum();
        FloatImage sheet = new FloatImage();
        sheet.resize(columns * (cell + GAP), rows * (cell + GAP));
        for (float[] plane : sheet.planes) {
            Arrays.fill(plane, 255);
        }
        int[] order = Sampler.permutation(seed, 0, data.size());
        FloatImage picture = new FloatImage();
        for (int row = 0; row < Math.min(rows, order.length); row++) {
            if (!ImageCodec.decode(data.read(order[row]), picture)) {
                throw DataException.badData(data.name(order[row]) + " cannot be decoded");
            }
            int y = row * (cell + GAP);
            FloatImage whole = new FloatImage();
            CropBox box = CropBox.whole(picture.width, picture.height);
            new Resampler().resize(picture, box, false, whole, cell, cell);
            paste(whole, sheet, 0, y);
            int[] column = {1};
            multiCrop.crop(picture, seed, 0, order[row], (resolution, index, crop) -> {
                MultiCrop.denormalise(crop);
                paste(crop, sheet, column[0]++ * (cell + GAP), y);
            });
        }
        return sheet;
    }

    private void paste(FloatImage from, FloatImage to, int x, int y) {
        for (int c = 0; c < 3; c++) {
            for (int row = 0; row < Math.min(cell, from.height); row++) {
                System.arraycopy(
                        from.planes[c],
                        row * from.width,
                        to.planes[c],
                        (y + row) * to.width + x,
                        Math.min(cell, from.width));
            }
        }
    }
}
