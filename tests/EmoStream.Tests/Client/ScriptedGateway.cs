using System.Net;
using System.Text;
using System.Threading.Channels;

namespace EmoStream.Tests.Client;

/// <summary>Answers HTTP requests by a script, one entry per request, and remembers them.</summary>
internal sealed class ScriptedGateway(params IEnumerable<Func<HttpResponseMessage>> script) : HttpMessageHandler
{
    private readonly Queue<Func<HttpResponseMessage>> _script = new(script);

    public List<(string Path, string? LastEventId, string? Authorization)> Requests { get; } = [];

    public static HttpResponseMessage Events(string events) => Stream(new MemoryStream(Encoding.UTF8.GetBytes(events)));

    public static HttpResponseMessage Stream(Stream body)
    {
        var response = new HttpResponseMessage(HttpStatusCode.OK) { Content = new StreamContent(body) };
        response.Content.Headers.ContentType = new("text/event-stream");
        return response;
    }

    public static string Entry(long change) =>
        $"id: {change}\nevent: entry\ndata: {{\"conversationId\":\"c\",\"utteranceId\":\"u{change}\",\"change\":{change}}}\n\n";

    protected override Task<HttpResponseMessage> SendAsync(HttpRequestMessage request, CancellationToken cancellationToken)
    {
        Requests.Add((
            request.RequestUri!.PathAndQuery,
            request.Headers.TryGetValues("Last-Event-ID", out var ids) ? ids.Single() : null,
            request.Headers.Authorization?.ToString()));
        return _script.TryDequeue(out var next)
            ? Task.FromResult(next())
            : throw new HttpRequestException("The script has ended.");
    }
}

/// <summary>A body that sends what it is given and then keeps the connection open in silence.</summary>
internal sealed class SilentStream(string start) : Stream
{
    private readonly Channel<byte[]> _rest = Channel.CreateUnbounded<byte[]>();
    private readonly TaskCompletionSource _waiting = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private byte[]? _start = Encoding.UTF8.GetBytes(start);

    /// <summary>Completes once the reader waits in the silence.</summary>
    public Task Waiting => _waiting.Task;

    public override bool CanRead => true;
    public override bool CanSeek => false;
    public override bool CanWrite => false;
    public override long Length => throw new NotSupportedException();
    public override long Position { get => throw new NotSupportedException(); set => throw new NotSupportedException(); }

    public override async ValueTask<int> ReadAsync(Memory<byte> buffer, CancellationToken cancellationToken = default)
    {
        if (_start is { } bytes)
        {
            _start = null;
            bytes.CopyTo(buffer);
            return bytes.Length;
        }

        _waiting.TrySetResult();
        await _rest.Reader.ReadAsync(cancellationToken);
        return 0;
    }

    public override Task<int> ReadAsync(byte[] buffer, int offset, int count, CancellationToken cancellationToken) =>
        ReadAsync(buffer.AsMemory(offset, count), cancellationToken).AsTask();

    public override int Read(byte[] buffer, int offset, int count) => throw new NotSupportedException();
    public override void Flush() => throw new NotSupportedException();
    public override long Seek(long offset, SeekOrigin origin) => throw new NotSupportedException();
    public override void SetLength(long value) => throw new NotSupportedException();
    public override void Write(byte[] buffer, int offset, int count) => throw new NotSupportedException();
}
