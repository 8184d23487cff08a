package io.swav.membership;

import io.swav.api.TrainerReport.Divergence;
import io.swav.api.World;
import java.util.List;
import java.util.Optional;
import java.util.function.IntFunction;

/** Words about replicas of the state that differ although they have the same steps. */
public final class Divergences {
    private Divergences() {}

    /** Describes what an election found; empty if no replica differed. */
    static Optional<Divergence> describe(World world, StateElection election, List<StateElection.Offer> offers) {
        List<Integer> diverged = election.divergedRanks();
        if (diverged.isEmpty()) {
            return Optional.empty();
        }
        IntFunction<String> pod = rank -> world.members().get(rank).pod();
        List<String> pods = diverged.stream().map(pod::apply).toList();
        long holders =
                offers.stream().filter(offer -> offer.step() == election.step()).count();
        String source = pod.apply(election.source());
        String basis = switch (election.basis()) {
            case MAJORITY -> "as " + (holders - diverged.size()) + " of " + holders + " trainers hold it";
            case AGREED_BEFORE ->
                "whose state is the one that all trainers held before, in a checkpoint or when the world" + " formed";
            case LOWEST_RANK ->
                "the lowest rank, because no majority and no earlier digest tells which one is right:"
                        + " the model may differ from that of an undisturbed run";
        };
        return Optional.of(new Divergence(
                election.step(),
                pods,
                source,
                "its state of step " + election.step()
                        + " differed from the other trainers' in some bits, and was replaced" + " by that of " + source
                        + ", " + basis,
                1));
    }

    /** The message of a step, or a checkpoint, before which the ranks' states differ. */
    public static String found(long step) {
        return "the trainers' states of step " + step
                + " differ: the memory or the arithmetic of one of them is faulty."
                + " Nothing was computed from them; the world forms again, and compares them";
    }
}
