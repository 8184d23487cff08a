package io.swav.data;

import io.swav.api.Shown;
import io.swav.data.FileSource.SourceFile;
import java.io.IOException;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Optional;
import java.util.Set;

/**
 * Finds the samples of one shard by WebDataset's rule: entries whose names are equal up to the first dot of the last
 * part are one sample. Samples keep the order in which their images appear.
 *
 * @see <a href="https://github.com/webdataset/webdataset">webdataset, base_plus_ext</a>
 */
final class ShardSamples {
    static final String NO_FILE = "link, device or sparse file in a tar";
    static final String OTHER_IMAGE = "another image of its sample";
    static final String REPLACED = "replaced by a later entry of its name";
    static final String UNKNOWN = "unknown type";
    /** What samples hold beside their images, whether or not it is a label. */
    private static final Set<String> COMPANIONS = Set.of("cls", "json", "txt");

    /** An image with its label. */
    record Sample(String name, long offset, long bytes, Optional<ShardLabel> label) {}

    private record Image(String name, String key, String extension, long offset, long bytes) {}

    private final IndexSettings settings;
    private final String place;
    private final IgnoredCounts ignored = new IgnoredCounts();
    private final List<Image> images = new ArrayList<>();
    /** By the name without the label's extension. */
    private final Map<String, ShardLabel> labels = new HashMap<>();

    private ShardSamples(IndexSettings settings, String place) {
        this.settings = settings;
        this.place = place;
    }

    /** What a shard holds. */
    record Found(List<Sample> samples, IgnoredCounts ignored) {}

    /** @throws DataException if the shard is damaged or ambiguous, or cannot be read */
    static Found in(FileSource source, SourceFile shard, IndexSettings settings) {
        ShardSamples found = new ShardSamples(settings, source.place(shard.name()));
        new TarHeaders(source, shard).scan(found::add);
        return new Found(found.samples(), found.ignored);
    }

    private void add(TarHeaders.Entry entry, TarHeaders.Content content) throws IOException {
        String name = entry.name();
        if (entry.folder()) {
            return;
        }
        Optional<String> clutter = Clutter.ofPath(name);
        if (clutter.isPresent()) {
            ignored.add(clutter.get(), name);
            return;
        }
        String key = key(name);
        String extension = name.length() == key.length()
                ? ""
                : name.substring(key.length() + 1).toLowerCase(Locale.ROOT);
        String last = extension.substring(extension.lastIndexOf('.') + 1);
        if (ImageCodec.isImage(name)) {
            if (entry.file()) {
                images.add(new Image(name, key, extension, entry.offset(), entry.bytes()));
            } else {
                ignored.add(NO_FILE, name);
            }
        } else if (settings.isLabel(last) && entry.file()) {
            addLabel(entry, last, content);
        } else if (!COMPANIONS.contains(last)) {
            ignored.add(UNKNOWN, name);
        }
    }

    /** A number in {@code cls} is preferred to anything in {@code json}. */
    private void addLabel(TarHeaders.Entry entry, String extension, TarHeaders.Content content) throws IOException {
        String name = entry.name();
        String stem = name.substring(0, name.length() - extension.length() - 1);
        Optional<ShardLabel> label =
                ShardLabel.read(extension, place + ": entry " + Shown.of(name), entry.bytes(), content);
        if (label.isPresent() && extension.equals("json")) {
            labels.putIfAbsent(stem, label.get());
        } else if (label.isPresent()) {
            labels.put(stem, label.get());
        }
    }

    /** The part of a name before the first dot of its last part. */
    static String key(String name) {
        int slash = name.lastIndexOf('/') + 1;
        int dot = name.indexOf('.', slash);
        return dot < 0 ? name : name.substring(0, dot);
    }

    private List<Sample> samples() {
        Map<String, List<Image>> byKey = new HashMap<>();
        for (Image image : images) {
            byKey.computeIfAbsent(image.key, key -> new ArrayList<>(1)).add(image);
        }
        List<Sample> samples = new ArrayList<>();
        for (Image image : images) {
            List<Image> ofKey = byKey.getOrDefault(image.key, List.of());
            if ((ofKey.size() == 1 && settings.imageExtension().isEmpty()) || isChosen(image, ofKey)) {
                samples.add(new Sample(image.name, image.offset, image.bytes, label(image)));
            }
        }
        return samples;
    }

    private boolean isChosen(Image image, List<Image> ofKey) {
        for (int later = ofKey.indexOf(image) + 1; later < ofKey.size(); later++) {
            if (ofKey.get(later).name.equals(image.name)) {
                ignored.add(REPLACED, image.name);
                return false;
            }
        }
        if (settings.imageExtension().contains(IndexSettings.ALL)) {
            return true;
        }
        boolean chosen = chosenExtension(ofKey).filter(image.extension::equals).isPresent();
        if (!chosen) {
            ignored.add(OTHER_IMAGE, image.name);
        }
        return chosen;
    }

    private Optional<String> chosenExtension(List<Image> ofKey) {
        List<String> there = ofKey.stream().map(Image::extension).distinct().toList();
        if (!settings.imageExtension().isEmpty()) {
            return settings.imageExtension().stream().filter(there::contains).findFirst();
        }
        List<String> plain = there.size() == 1
                ? there
                : there.stream().filter(extension -> extension.indexOf('.') < 0).toList();
        if (plain.size() == 1) {
            return Optional.of(plain.get(0));
        }
        throw DataException.badData(place + ": sample " + Shown.of(ofKey.get(0).key) + " has several images ("
                + Shown.of(String.join(", ", there)) + "); set data.imageExtension (--image-extension) to the one to"
                + " train on, for example \"" + Shown.of(there.get(0))
                + "\", or to \"*\" if every image is a sample of its own");
    }

    private Optional<ShardLabel> label(Image image) {
        String stem = image.name.substring(0, image.name.lastIndexOf('.'));
        return Optional.ofNullable(labels.get(stem)).or(() -> Optional.ofNullable(labels.get(image.key)));
    }
}
