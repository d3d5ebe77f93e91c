using System.Text;
using FsCheck;
using FsCheck.Fluent;
using StableDiffusion.Cli;

namespace StableDiffusion.Tests;

public sealed class OutputPatternTests
{
    private const string Family = "\ud83d\udc68\u200d\ud83d\udc69\u200d\ud83d\udc67";

    [Theory]
    [InlineData("{index:05}-{seed}-{prompt:40}.png", "a red apple", "00007-42-a-red-apple.png")]
    [InlineData("{prompt}.png", "../../etc/passwd", "etc-passwd.png")]
    [InlineData("{prompt}.png", "..", "picture.png")]
    [InlineData("{prompt}.png", "a\0b", "a-b.png")]
    [InlineData("{prompt}.png", "C:\\Windows\\x", "c-windows-x.png")]
    [InlineData("{prompt}.png", "CON", "_con.png")]
    [InlineData("{prompt}.png", "lpt1", "_lpt1.png")]
    [InlineData("{prompt}/{index}.png", "nul", "_nul/7.png")]
    [InlineData("{prompt}.png", "console", "console.png")]
    [InlineData("{prompt}.png", Family, "picture.png")]
    [InlineData("{prompt:3}.png", "日本語の絵", "日本語.png")]
    [InlineData("{prompt}.png", "-rf ~; $(reboot)", "rf-reboot.png")]
    [InlineData("{prompt}.png", "Ünïcode ÄPFEL", "ünïcode-äpfel.png")]
    public void A_prompt_becomes_a_plain_name(string pattern, string prompt, string name) =>
        Assert.Equal(name, Name(pattern, prompt));

    [Theory]
    [InlineData("{prompt:300}-{seed}.png", 'x')]
    [InlineData("{prompt:300}-{seed}.png", '日')]
    [InlineData("{prompt:300}/{prompt:300}-{seed}.png", 'é')]
    public void A_long_prompt_is_cut_and_what_stands_behind_it_stays(string pattern, char letter)
    {
        var path = Name(pattern, new string(letter, 300));

        Assert.EndsWith("-42.png", path, StringComparison.Ordinal);
        Assert.All(path.Split('/'), name => Assert.InRange(Encoding.UTF8.GetByteCount(name), 150, 200));
    }

    [Fact]
    public void No_prompt_leads_out_of_the_folder() => Prop.ForAll(
        PromptParserTests.TextOf("a./\\:\0\n ~-|<>*?\"é日\ud83d\ude42"),
        prompt => Name("{prompt}.png", prompt) is var name && name == Path.GetFileName(name) && !name.Any("/\\:\0\n<>|*?\"".Contains) && name[0] is not ('.' or '-')).QuickCheckThrowOnFailure();

    [Theory]
    [InlineData("out/{indx}.png")]
    [InlineData("out/{index:5x}.png")]
    [InlineData("out/{index.png")]
    [InlineData("out/{index:99}.png")]
    [InlineData("out/{index}.bmp")]
    [InlineData("out/a\0{index}.png")]
    [InlineData("out/one.png")]
    [InlineData("out/{seed}//x.png")]
    [InlineData("out/{seed}/../../x.png")]
    [InlineData("out/{seed}/./x.png")]
    [InlineData("")]
    public void A_pattern_that_cannot_be_meant_is_refused(string pattern) =>
        Assert.Throws<RequestException>(() => OutputPattern.ParseBatch(pattern));

    [Theory]
    [InlineData("out/{index}.png", "out/")]
    [InlineData("{index}.png", ".")]
    [InlineData("out/a/b{seed}/{index}.png", "out/a/")]
    [InlineData("/tmp/", "/tmp/")]
    [InlineData(null, ".")]
    public void The_folder_of_a_batch_is_what_stands_before_the_first_placeholder(string? output, string folder) =>
        Assert.Equal(folder, OutputPattern.ParseBatch(output).Folder);

    /// <summary>For one picture and for a batch alike: a folder that is there is meant as it stands, any other's braces are placeholders.</summary>
    [Fact]
    public void The_braces_of_a_folder_are_placeholders_unless_the_folder_is_there()
    {
        using var folder = new TemporaryFolder();
        var there = Directory.CreateDirectory(folder.PathOf("pics{old}")).FullName;
        var byName = folder.PathOf("{prompt}/");

        foreach (var existing in (string[])[there, there + "/"])
        {
            Assert.Equal((Path.Combine(existing, "a-dog-42.png"), false), OutputPattern.Parse(existing).PathOf(0, 1, 42, "a dog"));
            var (inFolder, names) = OutputPattern.ParseBatch(existing);
            Assert.Equal((existing, "00000-42-a-dog.png"), (inFolder, names.PathOf(0, 1, 42, "a dog").Path));
        }

        Assert.Equal((folder.PathOf("a-dog/a-dog-42.png"), false), OutputPattern.Parse(byName).PathOf(0, 1, 42, "a dog"));
        var (outer, inner) = OutputPattern.ParseBatch(byName);
        Assert.Equal((folder.Path + "/", "a-dog/00000-42-a-dog.png"), (outer, inner.PathOf(0, 1, 42, "a dog").Path));
        Assert.Throws<RequestException>(() => OutputPattern.Parse(folder.PathOf("pics{new}/")));
        Assert.Throws<RequestException>(() => OutputPattern.ParseBatch(folder.PathOf("pics{new}/")));
    }

    [Theory]
    [InlineData("/etc/x.png")]
    [InlineData("../x.png")]
    [InlineData("a/../../x.png")]
    [InlineData("a\\..\\x.png")]
    [InlineData("a//x.png")]
    public void A_line_cannot_name_a_file_outside_the_folder(string output) =>
        Assert.Throws<RequestException>(() => OutputPattern.ParseLine(output));

    /// <summary>On Windows it separates a drive from a path, and a stream from a file.</summary>
    [Theory]
    [InlineData("C:x.png")]
    [InlineData("12:30/x.png")]
    [InlineData("12:30-{index:05}.png")]
    public void A_colon_may_stand_in_a_name_but_on_Windows(string name)
    {
        using var folder = new TemporaryFolder();
        foreach (var parse in (Func<OutputPattern>[])[() => OutputPattern.ParseLine(name), () => OutputPattern.ParseBatch("out/{prompt}/" + name).Names])
        {
            if (OperatingSystem.IsWindows())
            {
                Assert.Throws<RequestException>(parse);
            }
            else
            {
                Assert.True(InnerPath.IsPictureIn(folder.Path, parse().PathOf(7, 9, 42, "an apple").Path));
            }
        }
    }

    [Theory]
    [InlineData("apple.jpg", "apple-7.jpg")]
    [InlineData("a.b/apple.tree.WEBP", "a.b/apple.tree-7.WEBP")]
    [InlineData("out/{index}.jpeg", "out/7.jpeg")]
    [InlineData("out/{prompt}.webp", "out/v1.5-apple.webp")]
    public void Every_format_that_is_written_keeps_its_ending(string pattern, string name)
    {
        Assert.Equal(name.Replace("v1.5", "v1-5", StringComparison.Ordinal), Name(pattern, "v1.5 apple"));
        Assert.Equal($"{Path.ChangeExtension(name, null)}-2{Path.GetExtension(name)}", OutputPattern.Beside(name, 2));
    }

    private static string Name(string pattern, string prompt) => OutputPattern.Parse(pattern).PathOf(7, 9, 42, prompt).Path;
}
