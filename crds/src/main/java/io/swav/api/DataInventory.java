package io.swav.api;

import com.fasterxml.jackson.annotation.JsonIgnoreProperties;
import com.fasterxml.jackson.annotation.JsonInclude;
import com.fasterxml.jackson.annotation.JsonPropertyDescription;
import java.util.List;
import java.util.Objects;
import java.util.Optional;
import org.jspecify.annotations.Nullable;

/** What a trainer found at {@code data.uri}, in a few numbers. */
@JsonIgnoreProperties(ignoreUnknown = true)
@JsonInclude(JsonInclude.Include.NON_NULL)
public record DataInventory(
        @JsonPropertyDescription("Images that are trained on.") @Nullable
        Long images,

        @JsonPropertyDescription("How many of them have a label; training uses none.") @Nullable
        Long labelled,

        @JsonPropertyDescription("Classes of the labels.") @Nullable
        Integer classes,

        @JsonPropertyDescription("Files and entries that lie there but are not used.") @Nullable
        Long ignored,

        @JsonPropertyDescription(
                "The main reasons for that, each with a count and a name. `swav data stat URI` shows all.")
        @Nullable
        String ignoredReasons,

        @JsonPropertyDescription(
                "With data.grow, which epochs see which images: the last ten sets, each from an epoch on.")
        @Nullable
        List<SeenSet> sets,

        @JsonPropertyDescription(
                "What is at data.uri but not trained on, because it was added since or cannot be taken yet, and"
                        + " what to do about it.")
        @Nullable
        String notUsed) {
    private static final int SETS = 10;
    /** The status of a job has room for a sentence. */
    private static final int TEXT = 512;

    /** A set of images, and the first epoch that sees it. */
    @JsonIgnoreProperties(ignoreUnknown = true)
    public record SeenSet(
            @JsonPropertyDescription("The first epoch that sees it, counted from 0.") @Nullable
            Long fromEpoch,

            @JsonPropertyDescription("Images in it; they begin with those of the sets before.") @Nullable
            Long images,

            @JsonPropertyDescription("Digest of their names and sizes, as swav data stat shows it.") @Nullable
            String fingerprint) {
        private Optional<DataLedger.Entry> entry() {
            try {
                return fromEpoch == null || images == null || fingerprint == null
                        ? Optional.empty()
                        : Optional.of(new DataLedger.Entry(fromEpoch, images, fingerprint));
            } catch (IllegalArgumentException e) {
                return Optional.empty();
            }
        }
    }

    public DataInventory {
        sets = sets == null ? null : sets.stream().filter(Objects::nonNull).toList();
    }

    /** Creates the inventory of data that does not grow. */
    public DataInventory(
            @Nullable Long images,
            @Nullable Long labelled,
            @Nullable Integer classes,
            @Nullable Long ignored,
            @Nullable String ignoredReasons) {
        this(images, labelled, classes, ignored, ignoredReasons, null, null);
    }

    /** Returns the sets that epochs see, without those that make no sense: trainers reported them. */
    public List<DataLedger.Entry> seenSets() {
        return Optional.ofNullable(sets).orElse(List.of()).stream()
                .flatMap(set -> set.entry().stream())
                .toList();
    }

    /** Returns the last of the sets; empty if there is none, or if a trainer reported nonsense. */
    public Optional<DataLedger.Entry> newestSet() {
        return sets == null || sets.isEmpty()
                ? Optional.empty()
                : sets.get(sets.size() - 1).entry();
    }

    /**
     * Returns this inventory with what a training has seen of it.
     *
     * @param what is not used; empty for nothing
     */
    public DataInventory with(@Nullable DataLedger ledger, Optional<String> what) {
        List<DataLedger.Entry> all = ledger == null ? List.of() : ledger.sets();
        List<SeenSet> last = all.subList(Math.max(0, all.size() - SETS), all.size()).stream()
                .map(set -> new SeenSet(set.epoch(), set.samples(), set.digest()))
                .toList();
        String shown = what.map(text -> Shown.plain(text.length() <= TEXT ? text : text.substring(0, TEXT) + "…"))
                .orElse(null);
        return new DataInventory(
                ledger == null ? images : (Long) ledger.newest().samples(),
                labelled,
                classes,
                ignored,
                ignoredReasons,
                last.isEmpty() ? null : last,
                shown);
    }
}
