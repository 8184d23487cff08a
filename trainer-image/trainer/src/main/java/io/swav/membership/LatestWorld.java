package io.swav.membership;

import io.swav.api.World;
import io.swav.api.WorldDocument;
import io.swav.common.Deadline;
import java.time.Duration;
import java.util.Objects;
import java.util.Optional;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Keeps the newest world offered. A document that {@link WorldDocument} refuses, or that is older than the newest world,
 * changes nothing but {@link #problem}: a trainer must survive any content of the document, and trains on in the world
 * that exists.
 */
final class LatestWorld {
    private static final Logger LOG = LoggerFactory.getLogger(LatestWorld.class);
    /** The longest explanation of a world in the log, characters. */
    private static final int LOGGED = 500;

    private final String job;
    private World newest;
    private int maxMembers = Integer.MAX_VALUE;
    private String ignored = "";
    private Optional<String> problem = Optional.empty();

    /** @param job uid of the SwavJob; empty accepts the worlds of any job */
    LatestWorld(String job) {
        this.job = job;
        this.newest = World.none(job);
    }

    synchronized World get() {
        return newest;
    }

    /** Returns why the document that was offered last is not followed; empty if it is. */
    synchronized Optional<String> problem() {
        return problem;
    }

    void await(long than, long millis) {
        try {
            Deadline.await(this, Duration.ofMillis(millis), () -> newest.generation() > than);
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
        }
    }

    /** Refuses worlds of more members from now on, and drops one that was accepted before. */
    synchronized void limit(int members) {
        maxMembers = members;
        if (newest.size() > members) {
            ignore(
                    "",
                    "the world document is ignored: it names " + newest.size() + " members, but the job has work for "
                            + members);
            newest = World.none(job);
        }
    }

    /**
     * Follows the world of a document if it is usable and newer than the present one.
     *
     * @param source name of the document, for messages
     */
    synchronized void offer(String json, String source) {
        WorldDocument document = WorldDocument.read(json, job, newest.generation(), maxMembers);
        if (document instanceof WorldDocument.Usable usable) {
            offer(json, usable.world(), source);
        } else if (document instanceof WorldDocument.Foreign foreign) {
            ignore(
                    json,
                    source + " is ignored: it is the world of job " + foreign.job()
                            + ", but this trainer belongs to job " + job);
        } else if (document instanceof WorldDocument.Unusable unusable) {
            ignore(json, source + " is ignored, and training continues: the world document " + unusable.why());
        }
    }

    private void offer(String json, World world, String source) {
        if (world.generation() < newest.generation() && world.generation() > 0) {
            ignore(
                    json,
                    source + " is ignored: generation " + world.generation() + " is older than generation "
                            + newest.generation() + ", which this trainer has seen");
        } else if (world.generation() == newest.generation() && !isSame(world)) {
            ignore(
                    json,
                    source + " is ignored: it has changed generation " + world.generation()
                            + ", which this trainer follows; a change needs a new generation");
        } else {
            problem = Optional.empty();
            ignored = "";
            if (offer(world)) {
                String why = world.why().substring(0, Math.min(world.why().length(), LOGGED));
                LOG.info("world {} of {} members: {}", world.generation(), world.size(), why);
            }
        }
    }

    private boolean isSame(World world) {
        return world.members().equals(newest.members())
                && world.hold() == newest.hold()
                && Objects.equals(world.epochs(), newest.epochs())
                && Objects.equals(world.settings(), newest.settings());
    }

    /** Keeps {@code world} if it is newer than the current one; returns whether it is. */
    synchronized boolean offer(World world) {
        if (world.generation() <= newest.generation()) {
            return false;
        }
        newest = world;
        notifyAll();
        return true;
    }

    /**
     * Logs and reports why a document is not followed; logs once for each document.
     *
     * @param document its content, or whatever else identifies it
     */
    synchronized void ignore(String document, String why) {
        if (problem.isEmpty() || !document.equals(ignored)) {
            LOG.warn("{}", why);
        }
        ignored = document;
        problem = Optional.of(why);
    }
}
