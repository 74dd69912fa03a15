// Asks a server with Java's own HttpClient, which offers h2c with every first request.
//     java Ask.java URL KEY
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpRequest.BodyPublishers;
import java.net.http.HttpResponse;
import java.net.http.HttpResponse.BodyHandlers;
import java.util.concurrent.CompletableFuture;
import java.util.regex.MatchResult;
import java.util.regex.Pattern;
import java.util.stream.Collectors;
import java.util.stream.IntStream;

public class Ask {
  static final HttpClient CLIENT = HttpClient.newHttpClient();
  static String url;
  static String key;

  static HttpRequest post(String path, String kind, String body) {
    return HttpRequest.newBuilder(URI.create(url + path))
        .header("Authorization", "Bearer " + key)
        .header("Content-Type", kind)
        .POST(BodyPublishers.ofString(body))
        .build();
  }

  static HttpRequest chat(String model, boolean stream) {
    String messages = "[{\"role\":\"user\",\"content\":\"one two three\"}]";
    return post("/v1/chat/completions", "application/json",
        "{\"model\":\"" + model + "\",\"stream\":" + stream + ",\"messages\":" + messages + "}");
  }

  static String found(String field, String body) {
    return Pattern.compile("\"" + field + "\":\"([^\"]*)\"").matcher(body).results()
        .map((MatchResult one) -> one.group(1)).collect(Collectors.joining());
  }

  static String answer(HttpRequest request, String field) throws Exception {
    HttpResponse<String> answer = CLIENT.send(request, BodyHandlers.ofString());
    String text = found(field, answer.body());
    return answer.statusCode() == 200 ? text : answer.statusCode() + " " + text;
  }

  public static void main(String[] arguments) throws Exception {
    url = arguments[0];
    key = arguments[1];
    System.out.println("whole\t" + answer(chat("echo", false), "content"));
    System.out.println("stream\t" + answer(chat("echo", true), "content"));
    System.out.println("unknown model\t" + answer(chat("nobody", false), "code"));
    String part = "--b\r\nContent-Disposition: form-data; name=\"";
    String form = part + "model\"\r\n\r\nlines\r\n" + part
        + "file\"; filename=\"a\"\r\n\r\nturn on the light\r\n--b--\r\n";
    HttpRequest upload = post("/v1/audio/transcriptions", "multipart/form-data; boundary=b", form);
    System.out.println("recording\t" + answer(upload, "text"));
    var sent = IntStream.range(0, 20)
        .mapToObj(at -> CLIENT.sendAsync(chat("echo", at % 2 == 0), BodyHandlers.ofString()))
        .collect(Collectors.toList());
    System.out.println("twenty at once\t" + sent.stream().map(CompletableFuture::join)
        .map(one -> found("content", one.body())).distinct().collect(Collectors.joining(" | ")));
  }
}
