package io.swav.data;

import io.swav.api.Shown;
import io.swav.api.StorageUri;
import io.swav.data.FileSource.SourceFile;
import io.swav.data.Inventory.Layout;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Comparator;
import java.util.HashSet;
import java.util.List;
import java.util.Locale;
import java.util.Set;
import java.util.SortedMap;
import java.util.TreeMap;
import java.util.TreeSet;
import java.util.regex.Pattern;

/**
 * Decides from the names of files alone what a data set is: tar shards, folders of classes, or images in one folder. What
 * could be meant in two ways is an error that says how to write either; it is never chosen silently, because a wrong
 * choice trains to the end.
 *
 * @param files shards or images, in the order of their samples
 * @param classes names of class folders, in the order of labels; empty for other layouts
 */
record DataLayout(Layout layout, List<SourceFile> files, List<String> classes, List<String> notes) {
    static final String BESIDE = "image beside class folders";
    static final String MASK = "mask of an image";
    static final String UNKNOWN = ShardSamples.UNKNOWN;
    /** The file beside shards, or in the folder above classes, that names the labels 0, 1, … of shards, one a line. */
    static final String CLASS_NAMES = "classes.txt";

    /** Files that this project writes beside shards. */
    private static final Set<String> OWN_FILES = Set.of(CLASS_NAMES, "pack.json");

    private static final Pattern TRAIN = Pattern.compile("train(ing)?\\d*");
    private static final Pattern TEST = Pattern.compile("(val|valid|validation|test|testing|eval)\\d*");
    private static final Pattern MASK_SUFFIX = Pattern.compile("(.+)[._-](mask|masks|seg|segmentation)");
    private static final Set<String> MASK_FOLDERS = Set.of(
            "mask",
            "masks",
            "segmentation",
            "segmentations",
            "segmentationclass",
            "segmentationobject",
            "annotations",
            "groundtruth",
            "ground_truth",
            "gt");
    private static final Set<String> IMAGE_FOLDERS = Set.of("image", "images", "img", "imgs", "jpegimages");

    private static final Comparator<SourceFile> BY_NAME = Comparator.comparing(SourceFile::name, FileNames.BY_BYTES);
    /** Images of one class folder follow one another: "cat-dog/x" is before "cat/x" by the bytes of the names alone. */
    private static final Comparator<SourceFile> BY_CLASS = Comparator.<SourceFile, String>comparing(
                    file -> top(file.name()), FileNames.BY_BYTES)
            .thenComparing(BY_NAME);

    /**
     * Decides.
     *
     * @param uri of the source, for messages
     * @param found all files that were listed, in any order
     * @param ignored counts what is not used
     * @throws DataException if there are no images, or more than one thing can be meant
     */
    static DataLayout of(String uri, List<SourceFile> found, IgnoredCounts ignored) {
        List<SourceFile> shards = new ArrayList<>();
        List<SourceFile> images = new ArrayList<>();
        for (SourceFile file : found) {
            if (StorageUri.isShard(file.name())) {
                shards.add(file);
            } else if (ImageCodec.isImage(file.name())) {
                images.add(file);
            } else if (!OWN_FILES.contains(last(file.name()))) {
                ignored.add(UNKNOWN, file.name());
            }
        }
        Ways ways = new Ways(uri);
        if (!shards.isEmpty() && !images.isEmpty()) {
            throw ways.mixed(
                    shards.size() + " tar shards and " + images.size() + " images beside them (the first is "
                            + Shown.of(first(images).name()) + ")",
                    ways.under("*.tar") + " for the shards, or the folder that holds the images alone");
        }
        if (shards.isEmpty() && images.isEmpty()) {
            throw DataException.noInput("data folder " + uri
                    + " holds neither tar shards nor images (jpg, png, bmp, webp, ppm, tif)"
                    + (found.isEmpty() ? "" : "; there are " + found.size() + " files of other types"));
        }
        return shards.isEmpty() ? images(ways, images, ignored) : shards(ways, shards);
    }

    private static DataLayout shards(Ways ways, List<SourceFile> shards) {
        SortedMap<String, Long> tops = tops(shards);
        long inRoot = shards.stream().filter(file -> top(file.name()).isEmpty()).count();
        if (inRoot > 0 && inRoot < shards.size()) {
            throw ways.mixed(
                    inRoot + " tar shards and, in folders beside them (" + names(tops.keySet()) + "), "
                            + (shards.size() - inRoot) + " more",
                    ways.under("*.tar") + " for the former, " + ways.under(tops.firstKey())
                            + " for those of one folder");
        }
        requireOneSplit(ways, "", tops.keySet());
        requireOneSplitOfNames(ways, shards);
        requireNoCopies(ways, shards);
        shards.sort(BY_NAME);
        requireNoTwins(shards);
        return new DataLayout(Layout.Shards, shards, List.of(), List.of());
    }

    private static DataLayout images(Ways ways, List<SourceFile> all, IgnoredCounts ignored) {
        List<SourceFile> images = withoutMasks(all, ignored);
        SortedMap<String, Long> tops = tops(images);
        if (tops.isEmpty()) {
            images.sort(BY_NAME);
            requireNoTwins(images);
            return new DataLayout(Layout.OneFolder, images, List.of(), List.of());
        }
        List<SourceFile> loose =
                images.stream().filter(file -> top(file.name()).isEmpty()).toList();
        int inFolders = images.size() - loose.size();
        if (!loose.isEmpty() && (tops.size() == 1 || loose.size() > inFolders)) {
            throw ways.mixed(
                    loose.size() + " images and, in " + tops.size() + " folders beside them (" + names(tops.keySet())
                            + "), " + inFolders + " more",
                    ways.under("*") + " for the former, "
                            + (tops.size() == 1
                                    ? ways.under(tops.firstKey()) + " for the latter"
                                    : "or move them away to use the folders as classes"));
        }
        requireOneSplit(ways, "", tops.keySet());
        images.removeAll(new HashSet<>(loose));
        loose.forEach(file -> ignored.add(BESIDE, file.name()));
        List<String> notes = nested(ways, images, tops);
        images.sort(BY_CLASS);
        requireNoTwins(images);
        List<String> classes = tops.keySet().stream().sorted(FileNames.BY_BYTES).toList();
        return new DataLayout(Layout.ClassFolders, images, classes, notes);
    }

    /** Judges the folders inside class folders, where an archive that was unpacked twice shows. */
    private static List<String> nested(Ways ways, List<SourceFile> images, SortedMap<String, Long> tops) {
        SortedMap<String, Set<String>> inner = new TreeMap<>();
        Set<String> direct = new HashSet<>();
        for (SourceFile image : images) {
            String top = top(image.name());
            String below = top(image.name().substring(top.length() + 1));
            if (below.isEmpty()) {
                direct.add(top);
            } else {
                inner.computeIfAbsent(top, t -> new TreeSet<>()).add(below);
            }
        }
        for (var folder : inner.entrySet()) {
            Set<String> others = new TreeSet<>(tops.keySet());
            others.remove(folder.getKey());
            if (others.equals(folder.getValue())) {
                throw ways.mixed(
                        "class folders (" + names(others) + ") and, beside them, " + folder.getKey()
                                + " with folders of the same names: an archive that was unpacked twice",
                        ways.under(folder.getKey()) + " for the inner ones, or remove the folder " + folder.getKey());
            }
        }
        if (tops.size() != 1 || direct.contains(tops.firstKey())) {
            return List.of();
        }
        String only = tops.firstKey();
        Set<String> below = inner.getOrDefault(only, Set.of());
        requireOneSplit(ways, only + "/", below);
        return below.size() < 2
                ? List.of()
                : List.of("all images are of one class, the folder " + only + ", which holds " + below.size()
                        + " folders (" + names(below) + "): if those are the classes, write " + ways.under(only));
    }

    private static void requireOneSplit(Ways ways, String parent, Set<String> folders) {
        var train = folders.stream().filter(name -> matches(TRAIN, name)).findFirst();
        var test = folders.stream().filter(name -> matches(TEST, name)).findFirst();
        if (train.isPresent() && test.isPresent()) {
            throw ways.mixed(
                    "folders for training and for testing (" + parent + train.get() + ", " + parent + test.get() + ")",
                    ways.under(parent + train.get()) + " to train, " + ways.under(parent + test.get())
                            + " to evaluate (data.evalUri)");
        }
    }

    private static boolean matches(Pattern pattern, String name) {
        return pattern.matcher(name.toLowerCase(Locale.ROOT)).matches();
    }

    /** A name that has words of both kinds says nothing. */
    private static void requireOneSplitOfNames(Ways ways, List<SourceFile> shards) {
        long train = 0;
        long test = 0;
        for (SourceFile shard : shards) {
            List<String> words = List.of(last(shard.name()).split("[^A-Za-z0-9]+", -1));
            boolean isTrain = words.stream().anyMatch(word -> matches(TRAIN, word));
            boolean isTest = words.stream().anyMatch(word -> matches(TEST, word));
            train += isTrain && !isTest ? 1 : 0;
            test += isTest && !isTrain ? 1 : 0;
        }
        if (train > 0 && test > 0) {
            throw ways.mixed(
                    train + " shards for training and " + test + " for testing, by their names",
                    ways.under("*train*.tar") + " to train, and the others to evaluate (data.evalUri)");
        }
    }

    /** A shard beside its own compressed copy would be trained on twice. */
    private static void requireNoCopies(Ways ways, List<SourceFile> shards) {
        Set<String> seen = new HashSet<>();
        for (SourceFile shard : shards) {
            if (!seen.add(shard.name().replaceFirst("(\\.tar|\\.tar\\.gz|\\.tgz|\\.tar\\.zst)$", ""))) {
                throw ways.mixed(
                        "the same shard twice, once compressed (" + Shown.of(shard.name()) + ")",
                        ways.under("*.tar") + ", or " + ways.under("*.tar.gz")
                                + " for the others, or remove one of them");
            }
        }
    }

    /** Two names of different bytes may be the same text, see {@link FileNames}. */
    private static void requireNoTwins(List<SourceFile> sorted) {
        for (int i = 1; i < sorted.size(); i++) {
            if (sorted.get(i).name().equals(sorted.get(i - 1).name())) {
                throw DataException.badData("two files have the same name, once in UTF-8 and once in Latin-1: "
                        + Shown.of(sorted.get(i).name()) + "; rename or remove one of them");
            }
        }
    }

    /**
     * Leaves out masks: {@code x_mask.png} beside {@code x.jpg}, and what is in a folder of masks beside one of images. A
     * class folder that only has the name of such a folder stays.
     */
    private static List<SourceFile> withoutMasks(List<SourceFile> images, IgnoredCounts ignored) {
        Set<String> stems = new HashSet<>();
        Set<String> folders = new HashSet<>();
        boolean candidates = false;
        for (SourceFile image : images) {
            candidates |= isMaskCandidate(image.name());
        }
        if (!candidates) {
            return new ArrayList<>(images);
        }
        for (SourceFile image : images) {
            stems.add(stem(image.name()));
            for (int slash = image.name().indexOf('/');
                    slash >= 0;
                    slash = image.name().indexOf('/', slash + 1)) {
                String folder = image.name().substring(0, slash);
                if (IMAGE_FOLDERS.contains(last(folder).toLowerCase(Locale.ROOT))) {
                    folders.add(
                            folder.substring(0, folder.length() - last(folder).length()));
                }
            }
        }
        List<SourceFile> kept = new ArrayList<>();
        for (SourceFile image : images) {
            if (isMask(image.name(), stems, folders)) {
                ignored.add(MASK, image.name());
            } else {
                kept.add(image);
            }
        }
        return kept;
    }

    private static boolean isMaskCandidate(String name) {
        return MASK_SUFFIX.matcher(stem(name).toLowerCase(Locale.ROOT)).matches()
                || Arrays.stream(name.toLowerCase(Locale.ROOT).split("/", -1)).anyMatch(MASK_FOLDERS::contains);
    }

    private static boolean isMask(String name, Set<String> stems, Set<String> imageParents) {
        var suffix = MASK_SUFFIX.matcher(stem(name));
        if (suffix.matches() && stems.contains(suffix.group(1))) {
            return true;
        }
        for (int slash = name.indexOf('/'); slash >= 0; slash = name.indexOf('/', slash + 1)) {
            String folder = name.substring(0, slash);
            String own = last(folder);
            if (MASK_FOLDERS.contains(own.toLowerCase(Locale.ROOT))
                    && imageParents.contains(folder.substring(0, folder.length() - own.length()))) {
                return true;
            }
        }
        return false;
    }

    private static String stem(String name) {
        return name.substring(0, name.lastIndexOf('.'));
    }

    /** The folders directly below the source that hold files, with their number. */
    private static SortedMap<String, Long> tops(List<SourceFile> files) {
        SortedMap<String, Long> tops = new TreeMap<>(FileNames.BY_BYTES);
        for (SourceFile file : files) {
            String top = top(file.name());
            if (!top.isEmpty()) {
                tops.merge(top, 1L, Long::sum);
            }
        }
        return tops;
    }

    /** The first part of a name with slashes; empty for a file of the source's own folder. */
    static String top(String name) {
        int slash = name.indexOf('/');
        return slash < 0 ? "" : name.substring(0, slash);
    }

    private static String last(String name) {
        return name.substring(name.lastIndexOf('/') + 1);
    }

    private static SourceFile first(List<SourceFile> files) {
        return files.stream().min(BY_NAME).orElseThrow();
    }

    private static String names(Set<String> names) {
        String first = String.join(", ", names.stream().limit(3).map(Shown::of).toList());
        return names.size() > 3 ? first + ", …" : first;
    }

    /** Words the ways out of an ambiguity. */
    private record Ways(String uri) {
        String under(String name) {
            int pattern = indexOfPattern();
            String folder = pattern < uri.length() ? uri.substring(0, uri.lastIndexOf('/', pattern) + 1) : uri + "/";
            return folder.replaceAll("/+$", "/") + name;
        }

        private int indexOfPattern() {
            int first = uri.length();
            for (char c : new char[] {'*', '?', '{'}) {
                int at = uri.indexOf(c);
                first = at < 0 ? first : Math.min(first, at);
            }
            return first;
        }

        DataException mixed(String what, String ways) {
            return DataException.badData(uri + " holds " + what + ", and which are meant is not clear: write " + ways);
        }
    }
}
