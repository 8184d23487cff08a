package io.swav.operator;

import io.fabric8.kubernetes.api.model.authentication.UserInfo;
import io.fabric8.kubernetes.client.KubernetesClientException;
import java.io.IOException;
import java.net.HttpURLConnection;
import java.net.InetAddress;
import java.util.Collection;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.TreeSet;
import java.util.concurrent.Semaphore;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/**
 * Decides who may read metrics and page.
 *
 * <p>Processes of this machine, which in a pod are those of the pod and whoever {@code kubectl port-forward} lets in, may read
 * everything; {@link LoopbackGuard} tells them from other users and from web pages. The others need a token, if the operator
 * authenticates readers: for the metrics one whose user may get /metrics, for the page one whose user may list SwavJobs, in all
 * namespaces or in those that it then shows. Without authentication the metrics are for everyone that the network lets
 * through, and the page is for this machine alone.
 */
final class Readers {
    /** Namespaces of one page for which the API server is asked. */
    static final int NAMESPACES = 50;
    /** Requests that may wait for the API server at the same time; the others are to come again. */
    private static final int WAITING = 4;

    private static final Pattern BEARER = Pattern.compile("(?i)bearer +(\\S+) *");

    /** Either what a reader may see, or the answer to somebody who may see nothing. */
    sealed interface Decision {
        /** @param unasked how many namespaces are left out because there are too many to ask for */
        record Sees(Set<String> namespaces, boolean all, int unasked) implements Decision {
            boolean shows(String namespace) {
                return all || namespaces.contains(namespace);
            }
        }

        record Denied(HttpAnswer answer) implements Decision {}
    }

    private static final Decision ALL = new Decision.Sees(Set.of(), true, 0);

    private final Optional<AccessReviews> reviews;
    private final LoopbackGuard guard;
    private final Semaphore waiting = new Semaphore(WAITING);

    /**
     * @param address at which the pages are served
     * @param reviews empty if readers are not authenticated
     */
    Readers(InetAddress address, Optional<AccessReviews> reviews) throws IOException {
        this.reviews = reviews;
        this.guard = new LoopbackGuard(address.isLoopbackAddress() ? address : InetAddress.getLoopbackAddress());
    }

    /** Whether this reader may have the metrics. */
    Decision metrics(HttpCall call) {
        if (reviews.isEmpty() || isOnThisMachine(call)) {
            return ALL;
        }
        return authenticated(
                call,
                reviews.get(),
                user -> reviews.get().may(user, new AccessReviews.Right.Get("/metrics"))
                        ? ALL
                        : forbidden(
                                user,
                                "may not get /metrics; bind it to a ClusterRole with nonResourceURLs [/metrics], verbs [get]"));
    }

    /**
     * Which jobs this reader may see on the page.
     *
     * @param namespaces those with jobs
     */
    Decision page(HttpCall call, Collection<String> namespaces) {
        if (isOnThisMachine(call)) {
            return ALL;
        }
        if (reviews.isEmpty()) {
            return new Decision.Denied(HttpAnswer.plain(
                    HttpURLConnection.HTTP_FORBIDDEN,
                    "refused: the page is served to this machine only, because readers are not authenticated. Read it by"
                            + " kubectl port-forward, or set authentication.enabled in the chart (--authenticate)"));
        }
        return authenticated(call, reviews.get(), user -> listable(user, reviews.get(), namespaces));
    }

    private static Decision listable(UserInfo user, AccessReviews reviews, Collection<String> namespaces) {
        if (reviews.may(user, new AccessReviews.Right.ListJobs(""))) {
            return ALL;
        }
        Set<String> sees = new TreeSet<>();
        new TreeSet<>(namespaces)
                .stream()
                        .limit(NAMESPACES)
                        .filter(namespace -> reviews.may(user, new AccessReviews.Right.ListJobs(namespace)))
                        .forEach(sees::add);
        int unasked = Math.max(0, namespaces.size() - NAMESPACES);
        return sees.isEmpty() && unasked == 0
                ? forbidden(user, "may not list swavjobs in any namespace that has some")
                : new Decision.Sees(sees, false, unasked);
    }

    private static Decision forbidden(UserInfo user, String why) {
        return new Decision.Denied(
                HttpAnswer.plain(HttpURLConnection.HTTP_FORBIDDEN, "refused: " + user.getUsername() + " " + why));
    }

    private interface Rights {
        Decision of(UserInfo user);
    }

    private Decision authenticated(HttpCall call, AccessReviews reviews, Rights rights) {
        Optional<String> token = call.authorization()
                .map(BEARER::matcher)
                .filter(Matcher::matches)
                .map(m -> m.group(1));
        if (token.isEmpty()) {
            return unauthenticated("send a token that the API server accepts: Authorization: Bearer TOKEN");
        }
        if (!waiting.tryAcquire()) {
            return new Decision.Denied(
                    HttpAnswer.busy("too many readers wait for the API server to say who they are; try again"));
        }
        try {
            Optional<UserInfo> user = reviews.user(token.get());
            return user.isEmpty()
                    ? unauthenticated("the API server does not accept this token")
                    : rights.of(user.get());
        } catch (KubernetesClientException e) {
            return new Decision.Denied(
                    HttpAnswer.busy("the API server does not say who may read: " + PlanExecutor.message(e)));
        } finally {
            waiting.release();
        }
    }

    private static Decision unauthenticated(String why) {
        return new Decision.Denied(HttpAnswer.of(
                HttpURLConnection.HTTP_UNAUTHORIZED,
                HttpAnswer.PLAIN,
                why + "\n",
                Map.of("WWW-Authenticate", "Bearer")));
    }

    /** Whether the other end of the connection is a process of this machine, of this user or root, that names this machine. */
    private boolean isOnThisMachine(HttpCall call) {
        return call.local().getAddress().isLoopbackAddress()
                && guard.refusal(call).isEmpty();
    }
}
