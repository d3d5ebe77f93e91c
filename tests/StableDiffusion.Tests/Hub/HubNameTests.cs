using StableDiffusion.Cli;

namespace StableDiffusion.Tests;

public class HubNameTests
{
    [Theory]
    [InlineData("stabilityai/sd-turbo", "stabilityai/sd-turbo", "main")]
    [InlineData("a/b@fp16", "a/b", "fp16")]
    [InlineData("a/b@refs/pr/1", "a/b", "refs/pr/1")]
    [InlineData("https://huggingface.co/a/b.c_d", "a/b.c_d", "main")]
    [InlineData("https://huggingface.co/a/b/tree/onnx", "a/b", "onnx")]
    public void Names_are_read(string text, string id, string revision)
    {
        var name = HubName.Parse(text);
        Assert.Equal((id, revision), (name.Id, name.Revision));
    }

    [Theory]
    [InlineData("")]
    [InlineData("gpt2")]
    [InlineData("a/b/c")]
    [InlineData("../b")]
    [InlineData("a/..")]
    [InlineData("a--b/c")]
    [InlineData("a/b@../../x")]
    [InlineData("a/b@")]
    [InlineData("/a/b")]
    [InlineData("~/b")]
    public void What_is_no_name_is_refused(string text) => Assert.Throws<RequestException>(() => HubName.Parse(text));
}
