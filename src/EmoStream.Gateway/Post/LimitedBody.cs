using System.Buffers;

namespace EmoStream.Gateway.Post;

/// <summary>A whole request body in rented memory; a chunked one cannot be larger than the limit either.</summary>
internal sealed class LimitedBody : IDisposable
{
    private byte[] _buffer;
    private int _length;

    private LimitedBody(int capacity) => _buffer = ArrayPool<byte>.Shared.Rent(capacity);

    public ReadOnlyMemory<byte> Memory => _buffer.AsMemory(0, _length);

    /// <summary>Null when the body is larger than the limit.</summary>
    public static async Task<LimitedBody?> ReadAsync(HttpRequest request, long limit, CancellationToken cancellationToken)
    {
        if (request.ContentLength > limit)
        {
            return null;
        }

        // One byte of room beyond the length lets the last read see the end without growing.
        var body = new LimitedBody((int)Math.Min(request.ContentLength ?? 8 * 1024, 1024 * 1024) + 1);
        try
        {
            int read;
            while ((read = await request.Body.ReadAsync(body._buffer.AsMemory(body._length), cancellationToken)) > 0)
            {
                body._length += read;
                if (body._length > limit)
                {
                    body.Dispose();
                    return null;
                }

                if (body._length == body._buffer.Length)
                {
                    body.Grow();
                }
            }

            return body;
        }
        catch (BadHttpRequestException e) when (e.StatusCode == StatusCodes.Status413PayloadTooLarge)
        {
            body.Dispose();
            return null;
        }
        catch
        {
            body.Dispose();
            throw;
        }
    }

    public void Dispose()
    {
        var buffer = Interlocked.Exchange(ref _buffer, []);
        if (buffer.Length > 0)
        {
            // What people said must not linger in the pool.
            ArrayPool<byte>.Shared.Return(buffer, clearArray: true);
        }
    }

    private void Grow()
    {
        var larger = ArrayPool<byte>.Shared.Rent(_buffer.Length * 2);
        _buffer.AsSpan(0, _length).CopyTo(larger);
        ArrayPool<byte>.Shared.Return(_buffer, clearArray: true);
        _buffer = larger;
    }
}
