package compat;

import java.util.concurrent.CompletableFuture;

/** Of a node, while its clients work; it is back when that has been awaited. */
final class Death {
    static final Death NONE = new Death(CompletableFuture.completedFuture(null));

    private final CompletableFuture<Void> over;

    private Death(CompletableFuture<Void> over) {
        this.over = over;
    }

    /** None where there is but one broker. */
    static Death inCluster(String bootstrap) {
        if (!bootstrap.contains(",")) return NONE;
        return new Death(CompletableFuture.runAsync(() -> {
            try {
                App.killBroker();
            } catch (Exception failure) {
                throw new IllegalStateException(failure);
            }
        }));
    }

    void await() {
        over.join();
    }
}
