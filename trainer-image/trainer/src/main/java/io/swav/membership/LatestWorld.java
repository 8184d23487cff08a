package io.swav.membership;

import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.databind.ObjectMapper;
import io.swav.api.World;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Keeps the newest world offered. A document of another job or an older generation, or one that cannot be read, changes
 * nothing: a trainer must survive any content of the document.
 */
final class LatestWorld {
    private static final Logger LOG = LoggerFactory.getLogger(LatestWorld.class);
    private static final ObjectMapper JSON = new ObjectMapper();

    private final String job;
    private World newest;
    private String unreadable = "";

    /** @param job uid of the SwavJob; empty accepts the worlds of any job */
    LatestWorld(String job) {
        this.job = job;
        this.newest = World.none(job);
    }

    synchronized World get() {
        return newest;
    }

    synchronized void await(long than, long millis) {
        long end = System.nanoTime() + millis * 1_000_000;
        while (newest.generation() <= than) {
            long left = (end - System.nanoTime()) / 1_000_000;
            if (left <= 0) {
                return;
            }
            try {
                wait(left);
            } catch (InterruptedException e) {
                Thread.currentThread().interrupt();
                return;
            }
        }
    }

    /** @param source name of the document, for logs */
    void offer(String json, String source) {
        @Nullable World world;
        try {
            world = JSON.readValue(json, World.class);
        } catch (JsonProcessingException e) {
            warnOnce(json, source + " does not contain a world and is ignored: " + e.getOriginalMessage());
            return;
        }
        if (world == null) {
            warnOnce(json, source + " does not contain a world and is ignored: null");
            return;
        }
        if (!job.isEmpty() && !job.equals(world.job())) {
            warnOnce(
                    json,
                    source + " is ignored: it is the world of job " + world.job() + ", but this trainer belongs to job "
                            + job);
            return;
        }
        if (offer(world)) {
            LOG.info("world {} of {} members: {}", world.generation(), world.size(), world.why());
        }
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

    private synchronized void warnOnce(String json, String problem) {
        if (!json.equals(unreadable)) {
            unreadable = json;
            LOG.warn("{}", problem);
        }
    }
}
