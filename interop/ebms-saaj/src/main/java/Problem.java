/** What is wrong with a message, as an ebMS error says it. */
final class Problem extends Exception {
    final String code;
    final String location;

    Problem(String code, String location, String said) {
        super(said);
        this.code = code;
        this.location = location;
    }
}
