package io.swav.trainer;

import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.databind.json.JsonMapper;
import io.swav.api.DataLedger;
import io.swav.api.JournalEvent;
import io.swav.collective.Collective;
import io.swav.collective.CollectiveException;
import io.swav.data.CropBatches;
import io.swav.data.DataGrowth;
import io.swav.membership.Course;
import io.swav.membership.RankExchange;
import java.util.Optional;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Decides before the first step of an epoch which images it sees, if the data may grow. Rank 0 offers the set that it has
 * found; if all ranks can open it and rank 0 has written that down, all take it, and otherwise all keep the set that they have.
 *
 * <p>No rank applies the epoch's first step before all have decided, because its collectives need all of them. So a world that
 * breaks while it decides leaves nobody who has trained on either set, and the next world decides again.
 */
final class EpochSets {
    private static final Logger LOG = LoggerFactory.getLogger(EpochSets.class);
    private static final JsonMapper JSON = new JsonMapper();

    private final CropBatches batches;
    private final TrainingSchedule schedule;
    private final LocalTrainingState state;
    private final TrainerProgress progress;
    private final TrainingJournal journal;
    private Optional<String> reported = Optional.empty();

    EpochSets(TrainerComponents components, LocalTrainingState state) {
        this.batches = components.batches();
        this.schedule = components.schedule();
        this.state = state;
        this.progress = components.progress();
        this.journal = components.journal();
    }

    /** Starts a world in which this trainer has this rank. */
    void enter(int rank) {
        batches.lead(rank == 0);
        report();
    }

    /** Reports what epochs see, and what is not used. */
    private void report() {
        reported = batches.notUsed();
        boolean ledgerMatters =
                batches.growth().isPresent() || schedule.course().data().hasGrown();
        progress.data(batches.inventory()
                .reported()
                .with(ledgerMatters ? schedule.course().data() : null, reported));
    }

    /**
     * Decides what the epoch of the next step sees, if that is not decided; all ranks call this before every step.
     *
     * @return whether it is another set than before, so that crops that were prepared for it are gone
     * @throws CollectiveException if a peer was lost; this rank has then decided nothing, or what the next world confirms or
     *     replaces
     */
    boolean decide(Collective collective) {
        if (!batches.notUsed().equals(reported)) {
            report();
        }
        DataLedger before = schedule.course().data();
        long epoch = schedule.epochAt(state.step());
        if (before.isDecided(epoch) || batches.growth().isEmpty()) {
            return false;
        }
        DataLedger kept = before.decided(epoch);
        boolean begins = schedule.beginsEpoch(state.step());
        DataLedger decided = begins ? decide(collective, batches.growth().get(), epoch, before, kept) : kept;
        state.follow(new Course(schedule.course().epochs(), decided));
        report();
        if (decided.sets().equals(before.sets())) {
            return false;
        }
        String what = "epoch " + epoch + " sees " + decided.newest().samples() + " images ("
                + decided.newest().digest() + ") instead of " + before.newest().samples();
        LOG.info("{}: {} steps in all", what, schedule.steps());
        journal.event(JournalEvent.GROWN, progress.generation(), state.step(), what);
        return true;
    }

    private DataLedger decide(
            Collective collective, DataGrowth growth, long epoch, DataLedger before, DataLedger kept) {
        boolean leads = collective.rank() == 0;
        String mine = leads
                ? growth.offer(before)
                        .map(set -> json(new DataLedger.Entry(epoch, set.samples(), set.digest())))
                        .orElse("")
                : "";
        Optional<DataLedger> offered =
                parse(RankExchange.texts(collective, mine).get(0), before);
        boolean opened = offered.isEmpty() || growth.open(offered.get());
        boolean allOpened = RankExchange.least(collective, opened ? 1 : 0) == 1;
        if (!allOpened) {
            LOG.warn("epoch {} sees no more images than before, because a trainer cannot open the larger set", epoch);
        }
        DataLedger wanted = offered.filter(set -> allOpened).orElse(kept);
        boolean written = !leads || growth.decide(wanted, kept).equals(wanted);
        return RankExchange.least(collective, written ? 1 : 0) == 1 ? wanted : kept;
    }

    private static String json(DataLedger.Entry set) {
        try {
            return JSON.writeValueAsString(set);
        } catch (JsonProcessingException e) {
            throw new IllegalStateException("a record is valid JSON", e);
        }
    }

    private static Optional<DataLedger> parse(String offer, DataLedger before) {
        try {
            return offer.isEmpty()
                    ? Optional.empty()
                    : Optional.of(before.grown(JSON.readValue(offer, DataLedger.Entry.class)));
        } catch (JsonProcessingException e) {
            throw new CollectiveException("rank 0 sent no set of images: " + e.getOriginalMessage());
        }
    }
}
