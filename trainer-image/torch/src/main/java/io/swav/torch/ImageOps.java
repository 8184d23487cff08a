package io.swav.torch;

import static io.swav.torch.Interop.borrow;
import static io.swav.torch.Interop.scoped;

import ai.djl.ndarray.NDArray;
import org.bytedeco.pytorch.DeviceOptional;
import org.bytedeco.pytorch.Scalar;
import org.bytedeco.pytorch.ScalarOptional;
import org.bytedeco.pytorch.ScalarTypeOptional;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.TensorOptions;
import org.bytedeco.pytorch.TensorVector;
import org.bytedeco.pytorch.global.torch;

/**
 * The operations of augmentation, on many images at a time, on the device that holds them. Images are FLOAT32 (N, 3, H,
 * W) of whole levels in [0, 255], and are changed in place. A FLOAT64 table has a row for each image that an operation
 * changes: its index first, then the parameters. No row's result depends on other rows; no index occurs twice.
 */
public final class ImageOps {
    /** ITU-R 601's luma. */
    public static final float LUMA_R = 0.299f;

    public static final float LUMA_G = 0.587f;
    public static final float LUMA_B = 0.114f;

    /** Subtracting this before rounding gives the whole number below (or, within a ten thousandth, above). */
    public static final float TO_BELOW = 0.4999f;

    private ImageOps() {}

    /**
     * Cuts boxes out of decoded images and resizes them to the size of {@code images}: a triangle filter that widens
     * with the scale, first along columns, then along rows, as two matrix products for each box.
     *
     * @param bytes UINT8, flat: rows of pixels in the order blue, green, red
     * @param boxes (n, 6): index, first byte of the box, bytes from row to row, height, width, 1 to flip left to right
     * @param tallest at least the height of every box
     * @param widest at least the width of every box
     */
    public static void cut(NDArray bytes, NDArray boxes, int tallest, int widest, NDArray images) {
        scoped(() -> {
            Tensor out = borrow(images);
            Tensor table = borrow(boxes);
            long n = table.size(0);
            long height = out.size(2);
            long width = out.size(3);
            Tensor levels = levels(borrow(bytes), table.to(torch.ScalarType.Long), tallest, widest);
            Tensor rows = torch.bmm(weights(table.select(1, 3), height, tallest), levels)
                    .round_()
                    .view(n, height * 3, widest);
            Tensor across = weights(table.select(1, 4), width, widest);
            Tensor flipped = table.select(1, 5).ne(new Scalar(0)).view(n, 1, 1);
            across = torch.where(flipped, across.flip(1), across);
            Tensor cut = torch.bmm(rows, across.transpose(1, 2)).round_().view(n, height, 3, width);
            return out.index_copy_(0, indices(table), cut.permute(0, 2, 1, 3));
        });
    }

    /**
     * (n, tallest, 3·widest): rows of red, of green and of blue. Beyond a box its last row and column are repeated;
     * they weigh 0.
     */
    private static Tensor levels(Tensor bytes, Tensor table, long tallest, long widest) {
        long n = table.size(0);
        Tensor last = table.sub(new Scalar(1));
        Tensor down = torch.minimum(count(table, tallest), column(last, 3))
                .mul_(column(table, 2))
                .add_(column(table, 1));
        Tensor right = torch.minimum(count(table, widest), column(last, 4)).mul_(new Scalar(3));
        Tensor channels = count(table, 3).neg_().add_(new Scalar(2)).view(1, 3, 1);
        Tensor along = channels.add(right.view(n, 1, widest)).view(n, 1, 3 * widest);
        Tensor places = down.view(n, tallest, 1).add(along);
        return bytes.index_select(0, places.view(-1)).to(torch.ScalarType.Float).view(n, tallest, 3 * widest);
    }

    /**
     * (n, out, widest): the weight of each position of an extent in each of {@code out} results; 0 beyond the extent.
     */
    private static Tensor weights(Tensor extents, long out, long widest) {
        Tensor extent = extents.view(-1, 1, 1);
        Tensor scale = extent.div(new Scalar((double) out));
        Tensor positions = count(extents, widest).view(1, 1, widest);
        Tensor centers =
                count(extents, out).add_(new Scalar(0.5)).view(1, out, 1).mul(scale);
        Tensor triangle = positions
                .sub(centers)
                .add_(new Scalar(0.5))
                .abs_()
                .div_(torch.clamp_min(scale, new Scalar(1)))
                .neg_()
                .add_(new Scalar(1))
                .clamp_min_(new Scalar(0));
        triangle.masked_fill_(positions.ge(extent), new Scalar(0));
        triangle.div_(triangle.sum(new long[] {2}, true, new ScalarTypeOptional()));
        return triangle.to(torch.ScalarType.Float);
    }

    /** @param factors (n, 2): index, factor; 1 changes nothing */
    public static void brightness(NDArray images, NDArray factors) {
        change(images, factors, (part, table) -> whole(part.mul_(number(table, 1))));
    }

    /** Blends away from, or towards, the mean gray of an image, rounded to a whole level. */
    public static void contrast(NDArray images, NDArray factors) {
        change(images, factors, (part, table) -> {
            Tensor sums = part.sum(new long[] {2, 3}, false, new ScalarTypeOptional(torch.ScalarType.Double));
            Tensor mean = luma(sums.select(1, 0), sums.select(1, 1), sums.select(1, 2))
                    .div_(new Scalar((double) (part.size(2) * part.size(3))))
                    .add_(new Scalar(0.5))
                    .floor_()
                    .to(torch.ScalarType.Float)
                    .view(-1, 1, 1, 1);
            Tensor factor = number(table, 1);
            return whole(part.mul_(factor).add_(rest(factor).mul_(mean)));
        });
    }

    /** @param factors (n, 2): index, factor; 0 is gray, 1 changes nothing */
    public static void saturation(NDArray images, NDArray factors) {
        change(images, factors, (part, table) -> {
            Tensor factor = number(table, 1);
            Tensor gray = levelsOfGray(part).mul_(rest(factor));
            return whole(part.mul_(factor).add_(gray));
        });
    }

    /** @param table (n, 1): index */
    public static void gray(NDArray images, NDArray table) {
        change(images, table, (part, ignored) -> part.copy_(levelsOfGray(part)));
    }

    /**
     * Turns the hue in HSV. Hue and saturation are rounded to 8 bits in between.
     *
     * @param shifts (n, 2): index, shift in 255ths of the circle
     */
    public static void hue(NDArray images, NDArray shifts) {
        change(images, shifts, (part, table) -> {
            Tensor red = part.narrow(1, 0, 1);
            Tensor green = part.narrow(1, 1, 1);
            Tensor blue = part.narrow(1, 2, 1);
            Tensor max = torch.maximum(red, torch.maximum(green, blue));
            Tensor chroma = max.sub(torch.minimum(red, torch.minimum(green, blue)));
            Tensor fromGreen = blue.sub(red).div_(chroma).add_(new Scalar(2));
            Tensor fromBlue = red.sub(green).div_(chroma).add_(new Scalar(4));
            Tensor sixths = torch.where(
                    max.eq(red), green.sub(blue).div_(chroma), torch.where(max.eq(green), fromGreen, fromBlue));
            Tensor hue = torch.where(sixths.lt(new Scalar(0)), sixths.add(new Scalar(6)), sixths)
                    .mul_(new Scalar((double) (255 / 6f)))
                    .trunc_()
                    .add_(number(table, 1))
                    .remainder_(new Scalar(256))
                    .mul_(new Scalar((double) (6 / 255f)));
            Tensor coarse =
                    chroma.mul(new Scalar(255)).div_(max).trunc_().mul_(max).div_(new Scalar(255));
            TensorVector turned = new TensorVector();
            for (int from : new int[] {5, 3, 1}) {
                turned.push_back(
                        max.sub(below(hue.add(new Scalar(from))).mul_(coarse)).round_());
            }
            return part.copy_(torch.where(chroma.gt(new Scalar(0)), torch.cat(turned, 1), part));
        });
    }

    /** max(0, min(k mod 6, 4 − k mod 6, 1)): how far below the value a channel is, in chromas. */
    private static Tensor below(Tensor k) {
        k.remainder_(new Scalar(6));
        Tensor falling = k.neg().add_(new Scalar(4));
        return torch.minimum(k, falling).clamp_(new ScalarOptional(new Scalar(0)), new ScalarOptional(new Scalar(1)));
    }

    /**
     * Applies passes of a symmetric filter along rows, then as many along columns. The edge is repeated beyond the
     * border, and each pass rounds to whole levels.
     *
     * @param filters (n, 1 + reach): index, weights at distance 0, 1, 2, ...
     */
    public static void blur(NDArray images, NDArray filters, int passes) {
        change(images, filters, (part, table) -> {
            for (int axis : new int[] {3, 2}) {
                for (int pass = 0; pass < passes; pass++) {
                    filter(part, table, axis);
                }
            }
            return part;
        });
    }

    private static void filter(Tensor part, Tensor table, int axis) {
        scoped(() -> {
            int reach = Math.toIntExact(table.size(1) - 2);
            long length = part.size(axis);
            Tensor padded = axis == 3
                    ? torch.replication_pad2d(part, reach, reach, 0, 0)
                    : torch.replication_pad2d(part, 0, 0, reach, reach);
            part.mul_(number(table, 1));
            for (int k = 1; k <= reach; k++) {
                part.add_(padded.narrow(axis, reach - k, length)
                        .add(padded.narrow(axis, reach + k, length))
                        .mul_(number(table, 1 + k)));
            }
            return part.round_();
        });
    }

    /** @param scales (2, 3): factors of the channels, then the offsets */
    public static void normalize(NDArray images, NDArray scales) {
        scoped(() -> {
            Tensor table = borrow(scales).to(torch.ScalarType.Float).view(2, 1, 3, 1, 1);
            return borrow(images).mul_(table.select(0, 0)).add_(table.select(0, 1));
        });
    }

    private interface ColorChange {
        Tensor of(Tensor part, Tensor table);
    }

    private static void change(NDArray images, NDArray table, ColorChange change) {
        scoped(() -> {
            Tensor all = borrow(images);
            Tensor numbers = borrow(table);
            Tensor indices = indices(numbers);
            return all.index_copy_(0, indices, change.of(all.index_select(0, indices), numbers));
        });
    }

    private static Tensor indices(Tensor table) {
        return table.select(1, 0).to(torch.ScalarType.Long);
    }

    /** (n, 1, 1, 1) FLOAT32. */
    private static Tensor number(Tensor table, int column) {
        return table.select(1, column).to(torch.ScalarType.Float).view(-1, 1, 1, 1);
    }

    /** (n, 1). */
    private static Tensor column(Tensor table, int column) {
        return table.select(1, column).view(-1, 1);
    }

    /** 1 − factor. */
    private static Tensor rest(Tensor factor) {
        return factor.neg().add_(new Scalar(1));
    }

    private static Tensor luma(Tensor red, Tensor green, Tensor blue) {
        return red.mul(new Scalar((double) LUMA_R))
                .add_(green.mul(new Scalar((double) LUMA_G)))
                .add_(blue.mul(new Scalar((double) LUMA_B)));
    }

    private static Tensor levelsOfGray(Tensor part) {
        return luma(part.narrow(1, 0, 1), part.narrow(1, 1, 1), part.narrow(1, 2, 1))
                .round_();
    }

    private static Tensor whole(Tensor part) {
        return part.clamp_(new ScalarOptional(new Scalar(0)), new ScalarOptional(new Scalar(255)))
                .sub_(new Scalar((double) TO_BELOW))
                .round_();
    }

    /** 0, 1, 2, ... with the type and on the device of another tensor. */
    private static Tensor count(Tensor like, long length) {
        return torch.arange(
                new Scalar(length), new TensorOptions(like.scalar_type()).device(new DeviceOptional(like.device())));
    }
}
