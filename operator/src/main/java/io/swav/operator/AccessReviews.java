package io.swav.operator;

import io.fabric8.kubernetes.api.model.HasMetadata;
import io.fabric8.kubernetes.api.model.authentication.TokenReview;
import io.fabric8.kubernetes.api.model.authentication.TokenReviewBuilder;
import io.fabric8.kubernetes.api.model.authentication.TokenReviewStatus;
import io.fabric8.kubernetes.api.model.authentication.UserInfo;
import io.fabric8.kubernetes.api.model.authorization.v1.SubjectAccessReview;
import io.fabric8.kubernetes.api.model.authorization.v1.SubjectAccessReviewBuilder;
import io.fabric8.kubernetes.api.model.authorization.v1.SubjectAccessReviewSpecBuilder;
import io.fabric8.kubernetes.client.KubernetesClient;
import io.swav.api.SwavJob;
import java.nio.charset.StandardCharsets;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.time.Duration;
import java.util.HexFormat;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.function.LongSupplier;

/**
 * Asks the API server whose token a reader sent (TokenReview), and what this user may do (SubjectAccessReview), as
 * kube-rbac-proxy and controller-runtime's filter of metrics do. It remembers answers for {@link #LIFE}, so a right that is
 * withdrawn ends within this time.
 */
final class AccessReviews {
    static final Duration LIFE = Duration.ofSeconds(10);
    private static final int REMEMBERED = 1000;

    /** What a user may do: a verb on a path of this program, or listing the jobs of a namespace. */
    sealed interface Right {
        record Get(String path) implements Right {}

        /** @param namespace empty for all */
        record ListJobs(String namespace) implements Right {}
    }

    private record Question(
            String user, String uid, List<String> groups, Map<String, List<String>> extra, Right right) {}

    private final KubernetesClient client;
    /** By SHA-256 of the token, which is kept nowhere. */
    private final ExpiringCache<String, Optional<UserInfo>> users;

    private final ExpiringCache<Question, Boolean> rights;

    AccessReviews(KubernetesClient client, LongSupplier nanoTime) {
        this.client = client;
        users = new ExpiringCache<>(REMEMBERED, LIFE, nanoTime);
        rights = new ExpiringCache<>(REMEMBERED, LIFE, nanoTime);
    }

    /**
     * Returns the user of the token; empty if the API server does not accept it.
     *
     * @throws io.fabric8.kubernetes.client.KubernetesClientException if the API server does not say
     */
    Optional<UserInfo> user(String token) {
        return users.get(digest(token), () -> {
            TokenReview review = new TokenReviewBuilder()
                    .withNewSpec()
                    .withToken(token)
                    .endSpec()
                    .build();
            TokenReviewStatus status =
                    client.authentication().v1().tokenReviews().create(review).getStatus();
            return Optional.ofNullable(status)
                    .filter(s -> Boolean.TRUE.equals(s.getAuthenticated()))
                    .map(TokenReviewStatus::getUser);
        });
    }

    /** @throws io.fabric8.kubernetes.client.KubernetesClientException if the API server does not say */
    boolean may(UserInfo user, Right right) {
        Question question = new Question(user.getUsername(), user.getUid(), user.getGroups(), user.getExtra(), right);
        return rights.get(question, () -> {
            SubjectAccessReviewSpecBuilder spec = new SubjectAccessReviewSpecBuilder()
                    .withUser(question.user())
                    .withUid(question.uid())
                    .withGroups(question.groups())
                    .withExtra(question.extra());
            if (right instanceof Right.Get get) {
                spec.withNewNonResourceAttributes(get.path(), "get");
            } else if (right instanceof Right.ListJobs list) {
                spec.withNewResourceAttributes()
                        .withGroup(HasMetadata.getGroup(SwavJob.class))
                        .withResource(HasMetadata.getPlural(SwavJob.class))
                        .withVerb("list")
                        .withNamespace(list.namespace())
                        .endResourceAttributes();
            }
            SubjectAccessReview review =
                    new SubjectAccessReviewBuilder().withSpec(spec.build()).build();
            return Optional.ofNullable(client.authorization()
                            .v1()
                            .subjectAccessReview()
                            .create(review)
                            .getStatus())
                    .map(status -> Boolean.TRUE.equals(status.getAllowed()))
                    .orElse(false);
        });
    }

    private static String digest(String token) {
        try {
            return HexFormat.of()
                    .formatHex(MessageDigest.getInstance("SHA-256").digest(token.getBytes(StandardCharsets.UTF_8)));
        } catch (NoSuchAlgorithmException e) {
            throw new IllegalStateException("every Java platform has SHA-256", e);
        }
    }
}
