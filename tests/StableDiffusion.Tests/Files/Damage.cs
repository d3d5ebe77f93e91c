using FsCheck;
using FsCheck.Fluent;

namespace StableDiffusion.Tests;

/// <summary>Broken copies of good files, for readers that must not fall over.</summary>
internal static class Damage
{
    /// <summary>Copies with one to eight bytes changed, removed or put in.</summary>
    public static Gen<byte[]> Of(byte[] file)
    {
        var change =
            from kind in Gen.Choose(0, 3)
            from at in Gen.Choose(0, Math.Max(0, file.Length - 1))
            from value in Gen.Choose(0, 255)
            select (kind, at, (byte)value);
        return from count in Gen.Choose(1, 8)
               from changes in Gen.ArrayOf(change, count)
               select changes.Aggregate(file, Change);
    }

    /// <summary>A copy with one to eight bytes changed, removed or put in, half of them among the first hundred, where formats have their headers.</summary>
    public static byte[] Of(byte[] file, Random random) => Enumerable.Range(0, random.Next(1, 9)).Aggregate(file, (damaged, _) =>
    {
        var end = Math.Max(1, random.Next(2) == 0 ? Math.Min(100, damaged.Length) : damaged.Length);
        return Change(damaged, (random.Next(6), random.Next(end), (byte)random.Next(256)));
    });

    /// <summary>True if the reader returns or throws <see cref="RequestException"/> with one line; every other exception goes on.</summary>
    public static bool ReadsOrRefuses<T>(Func<T> read)
    {
        try
        {
            read();
            return true;
        }
        catch (RequestException exception)
        {
            return !exception.Message.Any(char.IsControl);
        }
    }

    private static byte[] Change(byte[] file, (int Kind, int At, byte Value) change)
    {
        var at = Math.Min(change.At, file.Length);
        var rest = Math.Min(at + 1, file.Length);
        return change.Kind switch
        {
            0 => [.. file[..at], .. file[rest..]],
            1 => [.. file[..at], change.Value, .. file[at..]],
            _ => [.. file[..at], change.Value, .. file[rest..]],
        };
    }
}
