using System.Text.RegularExpressions;

namespace StableDiffusion;

/// <summary>
/// What a clone without Git LFS has in the place of large files: three lines that name the content (git-lfs, docs/spec.md).
/// </summary>
internal static partial class LfsPointer
{
    /// <summary>Pointers are smaller than this (the specification says 1024).</summary>
    public const int MostBytes = 1024;

    private static ReadOnlySpan<byte> Start => "version https://git-lfs.github.com/spec/"u8;

    /// <exception cref="ModelException">The file is such a pointer; the message says how to get the content.</exception>
    public static void Refuse(string path, ReadOnlySpan<byte> content)
    {
        if (content.StartsWith(Start))
        {
            var size = Size().Match(System.Text.Encoding.ASCII.GetString(content[..Math.Min(content.Length, MostBytes)]));
            throw new ModelException(
                $"{path} is a Git LFS pointer and not the file itself{(size.Success ? $", which has {size.Groups[1].Value} bytes" : "")}: the model was cloned "
                + "without its large files. Run 'git lfs install' and 'git lfs pull' in the clone, or download the file.");
        }
    }

    /// <summary>The same for a file that is not read otherwise.</summary>
    public static void Refuse(string path)
    {
        using var file = File.OpenHandle(path);
        Span<byte> head = stackalloc byte[MostBytes];
        Refuse(path, head[..RandomAccess.Read(file, head, 0)]);
    }

    [GeneratedRegex(@"^size ([0-9]{1,19})\r?$", RegexOptions.Multiline)]
    private static partial Regex Size();
}
