package io.swav.data;

import io.swav.api.CropSpec;
import io.swav.api.DataSpec;
import io.swav.api.Shown;
import io.swav.api.TrainingSpec;
import java.io.IOException;
import java.util.Arrays;
import java.util.List;

/** Draws an image and its crops side by side in each row, for inspection by people. */
final class ContactSheet {
    private static final int GAP = 2;

    private final List<CropSpec> crops;
    private final MultiCrop multiCrop;
    private final DataSpec.ExifOrientation orientation;
    private final int rows;
    private final int cell;

    /** @param cell side of the square that an image or crop is fitted into, in pixels */
    ContactSheet(
            List<CropSpec> crops,
            TrainingSpec.Augmentation augmentation,
            DataSpec.ExifOrientation orientation,
            int rows,
            int cell) {
        this.crops = crops;
        this.orientation = orientation;
        this.multiCrop = new MultiCrop(crops, augmentation);
        this.rows = rows;
        this.cell = cell;
    }

    /** Draws the first samples of epoch 0. */
    FloatImage of(DataSet data, long seed) throws IOException {
        int columns = 1 + crops.stream().mapToInt(CropSpec::count).sum();
        FloatImage sheet = new FloatImage();
        sheet.resize(columns * (cell + GAP), rows * (cell + GAP));
        for (float[] plane : sheet.planes) {
            Arrays.fill(plane, 255);
        }
        Sampler order = new Sampler(data.size(), 1, seed);
        FloatImage image = new FloatImage();
        for (int row = 0; row < Math.min(rows, data.size()); row++) {
            long sample = order.sampleAt(0, row);
            try {
                image.load(ImageCodec.decode(data.read(sample), ImageLimits.standard(), orientation));
            } catch (BadImageException e) {
                throw DataException.badData(
                        Shown.of(data.name(sample)) + ": " + e.getMessage() + "; repair or remove it");
            }
            int y = row * (cell + GAP);
            FloatImage whole = new FloatImage();
            CropBox box = CropBox.whole(image.width, image.height);
            new Resampler().resize(image, box, false, whole, cell, cell);
            paste(whole, sheet, 0, y);
            int[] column = {1};
            multiCrop.crop(image, seed, 0, sample, (resolution, index, crop) -> {
                MultiCrop.denormalize(crop);
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
