namespace StableDiffusion.Tests;

/// <summary>A reader to be fed with broken files.</summary>
/// <param name="Name">The format, and the folder of its finds in <c>tests/fuzz-finds</c>.</param>
/// <param name="Seeds">Good files to begin with.</param>
/// <param name="Read">Reads one input; a <see cref="RequestException"/> or a <see cref="ModelException"/> of one line is a good answer.</param>
internal sealed record FuzzTarget(string Name, IReadOnlyList<byte[]> Seeds, Action<byte[]> Read)
{
    /// <summary>Whether an input is taken or refused as it should be; what was wrong, or null.</summary>
    public string? Fault(byte[] input)
    {
        try
        {
            Read(input);
            return null;
        }
        catch (Exception refusal) when (refusal is RequestException or ModelException)
        {
            return refusal.Message.Any(char.IsControl) ? $"a message of several lines: {refusal.Message}"
                : refusal.Message.Length > MostOfAMessage ? $"a message of {refusal.Message.Length} characters: {refusal.Message[..200]}"
                : null;
        }
        catch (Exception error)
        {
            return error.ToString();
        }
    }

    private const int MostOfAMessage = 2000;
}
