using System.CommandLine;
using System.Globalization;

namespace StableDiffusion.Cli;

/// <summary><c>compare</c>: whether pictures are the same but for rounding, since the last bits of sums differ from processor to processor.</summary>
internal static class CompareCommand
{
    public static Command Create()
    {
        var expected = new Argument<string>("expected") { Description = "A picture, or a folder of pictures." };
        var actual = new Argument<string>("actual") { Description = "The picture, or the folder with pictures of the same names." };
        var tolerance = new Option<int>("--tolerance")
        {
            Description = "Levels, of 255, by which a value may differ.",
            HelpName = "levels",
            DefaultValueFactory = _ => 2,
        };
        var compare = new Command("compare", "Compares pictures value by value. Exit code 1 if one differs by more than the tolerance or is missing. Example:\n  sd compare known/ painted/ --tolerance 3") { expected, actual, tolerance };
        compare.SetAction(parsed => parsed.GetValue(tolerance) is < 0 and var wrong
            ? throw new RequestException($"{tolerance.Name} {wrong} must be at least 0.")
            : Run(parsed.GetValue(expected)!, parsed.GetValue(actual)!, parsed.GetValue(tolerance)));
        return compare;
    }

    private static int Run(string expected, string actual, int tolerance)
    {
        var pairs = Pairs(expected, actual);
        if (pairs.Count == 0)
        {
            throw new RequestException($"{OneLine.Quote(expected)} has no pictures to compare with.");
        }

        var same = true;
        foreach (var (known, other) in pairs)
        {
            var (text, difference) = Difference(PictureReader.Read(known), other);
            var isSame = difference <= tolerance;
            Console.Out.WriteLine($"{(isSame ? "same" : "different")} {other}: {text}");
            same &= isSame;
        }

        return same ? ExitCode.Done : ExitCode.Failed;
    }

    private static List<(string Expected, string Actual)> Pairs(string expected, string actual) => Directory.Exists(expected)
        ? [.. Directory.EnumerateFiles(expected).Where(PictureFormats.IsRead).Order(StringComparer.Ordinal).Select(path => (path, Path.Combine(actual, Path.GetFileName(path))))]
        : [(expected, actual)];

    private static (string Text, int Largest) Difference(RgbImage expected, string path)
    {
        if (!File.Exists(path))
        {
            return (Directory.Exists(path) ? "it is a folder" : "it is missing", int.MaxValue);
        }

        var actual = PictureReader.Read(path);
        if ((expected.Width, expected.Height) != (actual.Width, actual.Height))
        {
            return ($"{actual.Width}x{actual.Height} instead of {expected.Width}x{expected.Height} pixels", int.MaxValue);
        }

        var largest = 0;
        long sum = 0;
        foreach (var (one, other) in expected.Pixels.ToArray().Zip(actual.Pixels.ToArray()))
        {
            var difference = Math.Abs(one - other);
            largest = Math.Max(largest, difference);
            sum += difference;
        }

        var mean = (double)sum / (expected.Width * expected.Height * 3);
        return (string.Create(CultureInfo.InvariantCulture, $"largest difference {largest}, mean {mean:0.####}"), largest);
    }
}
