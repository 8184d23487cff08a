package io.swav.common;

import java.util.List;

/**
 * The mean and standard deviation of the channels red, green and blue of images in 0..1, which every image is normalized
 * with (SwAV's own, which are those of ImageNet but for the second digit of the first deviation).
 */
public final class Normalization {
    public static final List<Float> MEAN = List.of(0.485f, 0.456f, 0.406f);
    public static final List<Float> STD = List.of(0.228f, 0.224f, 0.225f);

    private Normalization() {}
}
