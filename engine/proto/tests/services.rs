//! The services that the descriptors declare: a change here is a new version of the published
//! language.

use prost::Message as _;
use prost_types::FileDescriptorSet;
use steadfast_proto::FILE_DESCRIPTOR_SET;

#[test]
fn services_and_their_methods_are_counted() {
    let set = FileDescriptorSet::decode(FILE_DESCRIPTOR_SET).expect("it decodes");
    let services = set.file.iter().flat_map(|file| {
        let named = |s: &prost_types::ServiceDescriptorProto| {
            (format!("{}.{}", file.package(), s.name()), s.method.len())
        };
        file.service.iter().map(named).collect::<Vec<_>>()
    });
    let mut services: Vec<_> = services.collect();
    services.sort();
    let expected = [
        ("grpc.health.v1.Health", 2),
        ("temporal.api.operatorservice.v1.OperatorService", 12),
        ("temporal.api.testservice.v1.TestService", 6),
        ("temporal.api.workflowservice.v1.WorkflowService", 123),
    ];
    assert_eq!(
        services,
        expected.map(|(name, methods)| (name.to_owned(), methods))
    );
}

#[test]
fn nothing_is_left_of_what_we_do_not_speak() {
    let set = FileDescriptorSet::decode(FILE_DESCRIPTOR_SET).expect("it decodes");
    for file in &set.file {
        assert!(
            !file.package().starts_with("temporal.api.cloud"),
            "{}",
            file.name()
        );
        assert!(!file.package().starts_with("coresdk"), "{}", file.name());
        assert_eq!(file.source_code_info, None, "{}", file.name());
    }
}
