import java.util.Map;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.atomic.AtomicInteger;

/** What is to go wrong, and how often still. */
final class Faults {
    private final Map<String, AtomicInteger> left = new ConcurrentHashMap<>();

    void set(String name, int times) {
        left.put(name, new AtomicInteger(times));
    }

    boolean take(String name) {
        AtomicInteger counter = left.get(name);
        return counter != null && counter.getAndUpdate(n -> Math.max(0, n - 1)) > 0;
    }
}
